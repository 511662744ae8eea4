"""A small graph that holds every operator once."""

from __future__ import annotations

import math

import numpy as np

from sqtvm.frontend.graph import (
    Add,
    AvgPool2d,
    Clamp,
    Concat,
    Conv2d,
    Flatten,
    Graph,
    Input,
    Linear,
    MaxPool2d,
    Node,
    Softmax,
)

RELU = Clamp(0.0, math.inf)
RELU6 = Clamp(0.0, 6.0)


def convolution(
    seed: int, out_channels: int, in_channels: int, kernel: tuple[int, int], groups: int = 1
) -> Conv2d:
    """Stride 1 and the padding that keeps height and width (kernels of odd size)."""
    random = np.random.default_rng(seed)
    shape = (out_channels, in_channels // groups, *kernel)
    weight = random.normal(size=shape, scale=1 / math.sqrt(math.prod(shape[1:])))
    bias = random.normal(size=out_channels, scale=0.1)
    vertical, horizontal = kernel[0] // 2, kernel[1] // 2
    return Conv2d(
        weight.astype(np.float32),
        bias.astype(np.float32),
        (1, 1),
        (vertical, horizontal, vertical, horizontal),
        groups,
    )


def linear(seed: int, out_features: int, in_features: int) -> Linear:
    random = np.random.default_rng(seed)
    weight = random.normal(size=(out_features, in_features), scale=1 / math.sqrt(in_features))
    bias = random.normal(size=out_features, scale=0.1)
    return Linear(weight.astype(np.float32), bias.astype(np.float32))


def every_operator() -> Graph:
    """Input (3, 12, 10) to 5 class probabilities; 14 layers with odd channel counts."""
    pool = MaxPool2d((2, 2), (2, 2), (0, 0, 0, 0))
    nodes = (
        Node("x", Input(), (), (3, 12, 10)),
        Node("stem.conv", convolution(1, 6, 3, (3, 3)), ("x",), (6, 12, 10), RELU),
        Node("stem.pool", pool, ("stem.conv",), (6, 6, 5)),
        Node("block.depthwise", convolution(2, 6, 6, (3, 3), 6), ("stem.pool",), (6, 6, 5), RELU6),
        Node("block.pointwise", convolution(3, 6, 6, (1, 1)), ("block.depthwise",), (6, 6, 5)),
        Node("block.add", Add(), ("stem.pool", "block.pointwise"), (6, 6, 5), RELU),
        Node("block.grouped", convolution(4, 8, 6, (3, 1), 2), ("block.add",), (8, 6, 5)),
        Node("block.hardtanh", Clamp(-1.0, 1.0), ("block.grouped",), (8, 6, 5)),
        Node("block.concat", Concat(), ("block.hardtanh", "block.grouped"), (16, 6, 5)),
        Node("pool", AvgPool2d((3, 3), (2, 1), (1, 0, 0, 0)), ("block.concat",), (16, 3, 3)),
        Node("flatten", Flatten(), ("pool",), (144,)),
        Node("classifier.hidden", linear(5, 9, 144), ("flatten",), (9,), RELU),
        Node("classifier.out", linear(6, 5, 9), ("classifier.hidden",), (5,)),
        Node("classifier.softmax", Softmax(), ("classifier.out",), (5,)),
    )
    return Graph(nodes)
