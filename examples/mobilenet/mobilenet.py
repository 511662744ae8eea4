"""MobileNetV1 of width 0.25, the wake-words topology of MLPerf Tiny, for 28x28 grey images."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import torch
from torch import nn

WEIGHTS = Path(__file__).with_name("weights.pt")
WIDTHS = (8, 16, 32, 32, 64, 64, *[128] * 6, 256, 256)
# Of the depthwise layers; the first convolution keeps the images' size.
STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)


def _convolution(
    inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1
) -> list[nn.Module]:
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [convolution, nn.BatchNorm2d(outputs), nn.ReLU()]


class MobileNetV1(nn.Sequential):
    """float32 [batch, 1, 28, 28] in, logits [batch, classes] out; about 216,000 parameters."""

    def __init__(self, in_channels: int = 1, classes: int = 10) -> None:
        layers = _convolution(in_channels, WIDTHS[0], 3)
        for (inputs, outputs), stride in zip(pairwise(WIDTHS), STRIDES, strict=True):
            layers += _convolution(inputs, inputs, 3, stride, inputs)
            layers += _convolution(inputs, outputs, 1)
        head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(WIDTHS[-1], classes)]
        super().__init__(*layers, *head)


def trained() -> nn.Module:
    """The network with the weights that train.py left beside this file."""
    model = MobileNetV1()
    model.load_state_dict(torch.load(WEIGHTS, map_location="cpu", weights_only=True))
    return model.eval()
