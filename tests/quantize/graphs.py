"""Small float graphs, with the extremes that trained networks bring."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

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
    Operator,
    Shape,
    Softmax,
)

RELU = Clamp(0.0, math.inf)
RELU6 = Clamp(0.0, 6.0)
HARDTANH = Clamp(-1.0, 1.0)


def node(
    name: str, op: Operator, inputs: Sequence[str], shape: Shape, activation: Clamp | None = None
) -> Node:
    return Node(name, op, tuple(inputs), shape, activation)


def convolution(
    random: np.random.Generator, out: int, source: int, kernel: tuple[int, int], groups: int = 1
) -> Conv2d:
    """Keeps height and width (odd kernels); one output channel of zeros, one of tiny weights."""
    weight = random.normal(size=(out, source // groups, *kernel))
    weight /= math.sqrt(weight[0].size)
    weight[0] = 0.0
    weight[-1] *= 1e-9
    down, across = kernel[0] // 2, kernel[1] // 2
    bias = random.normal(size=out, scale=0.3).astype(np.float32)
    return Conv2d(weight.astype(np.float32), bias, (1, 1), (down, across, down, across), groups)


def linear(random: np.random.Generator, out: int, source: int) -> Linear:
    weight = random.normal(size=(out, source), scale=1 / math.sqrt(source))
    bias = random.normal(size=out, scale=0.3)
    return Linear(weight.astype(np.float32), bias.astype(np.float32))


def every_operator(random: np.random.Generator, gain: float = 1.0) -> Graph:
    """Every operator at least once; ``gain`` scales the weights of the first layer."""
    stem = convolution(random, 4, 3, (3, 3))
    stem = Conv2d(stem.weight * np.float32(gain), stem.bias, (1, 1), stem.padding, 1)
    return Graph(
        (
            node("x", Input(), [], (3, 6, 5)),
            node("stem", stem, ["x"], (4, 6, 5), RELU),
            node("pool", MaxPool2d((3, 3), (2, 1), (1, 1, 1, 1)), ["stem"], (4, 3, 5)),
            node("depthwise", convolution(random, 4, 4, (3, 3), 4), ["pool"], (4, 3, 5), RELU6),
            node("pointwise", convolution(random, 4, 4, (1, 1)), ["depthwise"], (4, 3, 5)),
            node("add", Add(), ["pool", "pointwise"], (4, 3, 5), RELU),
            node("grouped", convolution(random, 6, 4, (3, 1), 2), ["add"], (6, 3, 5)),
            node("clamp", HARDTANH, ["grouped"], (6, 3, 5)),
            node("concat", Concat(), ["clamp", "grouped", "add"], (16, 3, 5), HARDTANH),
            node("average", AvgPool2d((2, 3), (1, 2), (1, 0, 0, 0)), ["concat"], (16, 3, 2)),
            node("flatten", Flatten(), ["average"], (96,)),
            node("hidden", linear(random, 5, 96), ["flatten"], (5,), RELU),
            node("out", linear(random, 4, 5), ["hidden"], (4,)),
            node("softmax", Softmax(), ["out"], (4,)),
        )
    )


def single(op: Operator, source: Shape, shape: Shape, activation: Clamp | None = None) -> Graph:
    return Graph((node("x", Input(), [], source), node("y", op, ["x"], shape, activation)))


def bits_of(graph: Graph, weight_bits: int) -> dict[str, int]:
    return {node.name: weight_bits for node in graph.weighted}


@st.composite
def quantizable(draw: DrawFn) -> tuple[Graph, np.ndarray, dict[str, int]]:
    """A graph of every operator, samples for it, and bits a layer."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    graph = every_operator(random, gain=draw(st.sampled_from([1.0, 0.0, 1e-6, 1e4])))
    spread = draw(st.sampled_from([1e-3, 1.0, 100.0]))
    x = random.normal(loc=draw(st.sampled_from([0.0, 3.0])), size=(4, 3, 6, 5)) * spread
    bits = {node.name: draw(st.sampled_from([8, 4, 2])) for node in graph.weighted}
    return graph, x.astype(np.float32), bits
