"""A small CNN over time: a convolution in time is one over a single row."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import torch
from torch import nn

WEIGHTS = Path(__file__).with_name("weights.pt")
WIDTHS = (3, 16, 32, 32, 64)
KERNEL = 5


class ActivityCnn(nn.Sequential):
    """float32 [batch, 3, 1, 128] in, logits [batch, 6] out; about 18,000 parameters."""

    def __init__(self, classes: int = 6) -> None:
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(WIDTHS):
            layers += [
                nn.Conv2d(inputs, outputs, (1, KERNEL), (1, 2), (0, KERNEL // 2), bias=False),
                *(nn.BatchNorm2d(outputs), nn.ReLU()),
            ]
        head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(WIDTHS[-1], classes)]
        super().__init__(*layers, *head)


def trained() -> nn.Module:
    """The network with the weights that train.py left beside this file."""
    model = ActivityCnn()
    model.load_state_dict(torch.load(WEIGHTS, map_location="cpu", weights_only=True))
    return model.eval()
