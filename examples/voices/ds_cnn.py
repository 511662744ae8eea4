"""DS-CNN, the keyword-spotting topology of MLPerf Tiny."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

WEIGHTS = Path(__file__).with_name("weights.pt")
CHANNELS = 64


def _convolution(
    inputs: int,
    kernel: tuple[int, int],
    padding: tuple[int, int],
    stride: int = 1,
    groups: int = 1,
) -> list[nn.Module]:
    convolution = nn.Conv2d(inputs, CHANNELS, kernel, stride, padding, groups=groups, bias=False)
    return [convolution, nn.BatchNorm2d(CHANNELS), nn.ReLU()]


class DsCnn(nn.Sequential):
    """float32 [batch, 1, 49, 10] in, logits [batch, classes] out; about 22,000 parameters."""

    def __init__(self, classes: int = 5) -> None:
        layers = _convolution(1, (10, 4), (5, 1), stride=2)
        for _ in range(4):
            layers += _convolution(CHANNELS, (3, 3), (1, 1), groups=CHANNELS)
            layers += _convolution(CHANNELS, (1, 1), (0, 0))
        head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(CHANNELS, classes)]
        super().__init__(*layers, *head)


def trained() -> nn.Module:
    """The network with the weights that train.py left beside this file."""
    model = DsCnn()
    model.load_state_dict(torch.load(WEIGHTS, map_location="cpu", weights_only=True))
    return model.eval()
