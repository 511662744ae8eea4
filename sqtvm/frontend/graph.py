"""The network between the frontends and everything else: a straight list of named operators.

Shapes leave out the batch: ``(channels, height, width)`` for feature maps, ``(features,)`` for
vectors, as in PyTorch. Batch norms are folded, dropout is gone, and an activation that follows
an operator whose result nobody else reads is part of that operator.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float32]
Shape: TypeAlias = tuple[int, ...]


@dataclass(frozen=True)
class Input:
    """The network's one input."""


@dataclass(frozen=True, eq=False)
class Conv2d:
    """A convolution; ``groups == in_channels`` is a depthwise one.

    weight: float32 [out_channels, in_channels / groups, kernel_height, kernel_width];
    bias: float32 [out_channels]; padding: (top, left, bottom, right) zeros.
    """

    weight: FloatArray
    bias: FloatArray
    stride: tuple[int, int]
    padding: tuple[int, int, int, int]
    groups: int


@dataclass(frozen=True, eq=False)
class Linear:
    """weight: float32 [out_features, in_features]; bias: float32 [out_features]."""

    weight: FloatArray
    bias: FloatArray


@dataclass(frozen=True)
class Add:
    """The sum of two tensors of one shape."""


@dataclass(frozen=True)
class MaxPool2d:
    """padding: (top, left, bottom, right) of minus infinity."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int, int, int]


@dataclass(frozen=True)
class AvgPool2d:
    """padding: (top, left, bottom, right) zeros, which count in the mean."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int, int, int]


@dataclass(frozen=True)
class Flatten:
    """(channels, height, width) to (channels * height * width,), channels slowest."""


@dataclass(frozen=True)
class Concat:
    """Tensors side by side along the channels (or the features of vectors)."""


@dataclass(frozen=True)
class Softmax:
    """Over the channels (or the features of a vector)."""


@dataclass(frozen=True)
class Clamp:
    """min(max(x, minimum), maximum): relu is (0, inf), relu6 (0, 6), hardtanh (-1, 1)."""

    minimum: float
    maximum: float


Operator: TypeAlias = (
    Input | Conv2d | Linear | Add | MaxPool2d | AvgPool2d | Flatten | Concat | Softmax | Clamp
)


@dataclass(frozen=True, eq=False)
class Node:
    """One operator; ``name`` is the path of the torch module it came from, unique in the graph.

    inputs: names of the nodes it reads; shape: of its output; activation: a clamp applied to
    the output of the operator, or None.
    """

    name: str
    op: Operator
    inputs: tuple[str, ...]
    shape: Shape
    activation: Clamp | None = None

    @property
    def weighted(self) -> bool:
        """Whether the operator has weights, and so bits to choose."""
        return isinstance(self.op, Conv2d | Linear)


@dataclass(frozen=True, eq=False)
class Graph:
    """Nodes in execution order: the first is the input, the last gives the output."""

    nodes: tuple[Node, ...]

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for node in self.nodes:
            if node.name in seen:
                raise ValueError(f"two nodes are named {node.name}")
            missing = [name for name in node.inputs if name not in seen]
            if missing:
                raise ValueError(f"{node.name} reads {missing[0]}, which comes later or never")
            seen.add(node.name)
        if not self.nodes or not isinstance(self.nodes[0].op, Input):
            raise ValueError("the first node of a graph is its input")

    def __getitem__(self, name: str) -> Node:
        return self.by_name[name]

    @property
    def by_name(self) -> Mapping[str, Node]:
        return {node.name: node for node in self.nodes}

    @property
    def input(self) -> Node:
        return self.nodes[0]

    @property
    def output(self) -> Node:
        return self.nodes[-1]

    @property
    def weighted(self) -> tuple[Node, ...]:
        """The nodes with weights, in execution order."""
        return tuple(node for node in self.nodes if node.weighted)

    def with_parameters(self, parameters: Mapping[str, tuple[FloatArray, FloatArray]]) -> Graph:
        """The same graph with other (weight, bias) for the nodes named in ``parameters``."""
        nodes = []
        for node in self.nodes:
            if node.name in parameters and isinstance(node.op, Conv2d | Linear):
                weight, bias = parameters[node.name]
                node = replace(node, op=replace(node.op, weight=weight, bias=bias))
            nodes.append(node)
        return Graph(tuple(nodes))


def macs(graph: Graph, node: Node) -> int:
    """Multiply-accumulates of one inference of a node; 0 for operators without weights."""
    if isinstance(node.op, Linear):
        return int(node.op.weight.size)
    if isinstance(node.op, Conv2d):
        _, height, width = node.shape
        return int(node.op.weight.size) * height * width
    return 0


def parameter_count(node: Node) -> int:
    """Weights and biases of a node."""
    if isinstance(node.op, Conv2d | Linear):
        return int(node.op.weight.size + node.op.bias.size)
    return 0
