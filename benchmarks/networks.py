"""The four networks of MLPerf Tiny and MobileNetV2 by their published topologies, random weights.

Executed instructions depend on shapes and bits, not on what the weights are.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn

from sqtvm.frontend.graph import Graph, Shape
from sqtvm.frontend.torch_export import import_torch


def _conv(
    inputs: int, outputs: int, kernel: int | tuple[int, int], stride: int = 1, groups: int = 1
) -> list[nn.Module]:
    extents = (kernel, kernel) if isinstance(kernel, int) else kernel
    padding = (extents[0] // 2, (extents[1] - 1) // 2)
    conv = nn.Conv2d(inputs, outputs, extents, stride, padding, groups=groups)
    return [conv, nn.ReLU()]


class _Residual(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(*_conv(inputs, outputs, 3, stride))
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        same = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if same else nn.Conv2d(inputs, outputs, 1, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.conv2(self.conv1(x)) + self.shortcut(x)
        return y.relu()


def resnet8() -> nn.Module:
    stacks = [_Residual(16, 16, 1), _Residual(16, 32, 2), _Residual(32, 64, 2)]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10), nn.Softmax(dim=1)]
    return nn.Sequential(*_conv(3, 16, 3), *stacks, *head)


def mobilenet_v1() -> nn.Module:
    """Width 0.25."""
    layers = _conv(3, 8, 3, 2)
    widths = [8, 16, 32, 32, 64, 64, *[128] * 6, 256, 256]
    strides = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1]
    for (inputs, outputs), stride in zip(pairwise(widths), strides, strict=True):
        layers += _conv(inputs, inputs, 3, stride, inputs) + _conv(inputs, outputs, 1)
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(256, 2), nn.Softmax(dim=1)]
    return nn.Sequential(*layers, *head)


class _InvertedResidual(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        layers = [] if expansion == 1 else _conv6(inputs, hidden, 1)
        layers += [*_conv6(hidden, hidden, 3, stride, hidden), nn.Conv2d(hidden, outputs, 1)]
        self.layers = nn.Sequential(*layers)
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.layers(x)
        return x + y if self.adds else y


def _conv6(
    inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1
) -> list[nn.Module]:
    return [_conv(inputs, outputs, kernel, stride, groups)[0], nn.ReLU6()]


def mobilenet_v2() -> nn.Module:
    """Width 0.35, every width a multiple of 8 that is at least nine tenths of its share."""
    layers = _conv6(3, 16, 3, 2)
    width = 16
    # expansion, channels at width 0.35, blocks, stride of the first
    stages = [(1, 8, 1, 1), (6, 8, 2, 2), (6, 16, 3, 2), (6, 24, 4, 2)]
    stages += [(6, 32, 3, 1), (6, 56, 3, 2), (6, 112, 1, 1)]
    for expansion, channels, blocks, first_stride in stages:
        for block in range(blocks):
            stride = first_stride if block == 0 else 1
            layers.append(_InvertedResidual(width, channels, stride, expansion))
            width = channels
    layers += _conv6(width, 1280, 1)
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1280, 2), nn.Softmax(dim=1)]
    return nn.Sequential(*layers, *head)


def ds_cnn() -> nn.Module:
    layers: list[nn.Module] = [nn.Conv2d(1, 64, (10, 4), 2, (5, 1)), nn.ReLU()]
    for _ in range(4):
        layers += _conv(64, 64, 3, 1, 64) + _conv(64, 64, 1)
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 12), nn.Softmax(dim=1)]
    return nn.Sequential(*layers, *head)


def autoencoder() -> nn.Module:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise([640, *[128] * 4, 8, *[128] * 4]):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(128, 640))


def networks() -> dict[str, tuple[Graph, Shape]]:
    """By name: the graph and the shape of one sample."""
    torch.manual_seed(0)
    made: dict[str, tuple[nn.Module, Shape]] = {
        "ResNet-8": (resnet8(), (3, 32, 32)),
        "MobileNetV1-0.25": (mobilenet_v1(), (3, 96, 96)),
        "MobileNetV2-0.35": (mobilenet_v2(), (3, 96, 96)),
        "DS-CNN": (ds_cnn(), (1, 49, 10)),
        "autoencoder": (autoencoder(), (640,)),
    }
    return {
        name: (import_torch(module.eval(), torch.zeros(1, *shape)), shape)
        for name, (module, shape) in made.items()
    }
