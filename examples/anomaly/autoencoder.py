"""The autoencoder of MLPerf Tiny's anomaly detection, for 28x28 grey images."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn

WEIGHTS = Path(__file__).with_name("weights.pt")
WIDTHS = (784, 128, 128, 128, 128, 8, 128, 128, 128, 128, 784)


class Autoencoder(nn.Module):
    """float32 [batch, 784] in, the same out: what it has learnt to say with eight numbers."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(WIDTHS[:-1]):
            layers += [nn.Linear(inputs, outputs, bias=False), nn.BatchNorm1d(outputs), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Linear(WIDTHS[-2], WIDTHS[-1]))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return y


def trained() -> nn.Module:
    """The network with the weights that train.py left beside this file."""
    model = Autoencoder()
    model.load_state_dict(torch.load(WEIGHTS, map_location="cpu", weights_only=True))
    return model.eval()
