"""Cross-layer equalization: channels of one layer scaled down, what reads them scaled up.

Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction" (2019),
section 4.1. A relu passes positive factors on, so the float network stays the same. Here every
output channel of the weights has a step of its own, which the paper's factors would not help;
what shares steps is a tensor of activations, and the weights that one output channel reads.
So the ranges that are balanced are each channel's largest activation on samples and the largest
weight that reads it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sqtvm.frontend.execute import execute
from sqtvm.frontend.graph import (
    AvgPool2d,
    Conv2d,
    Flatten,
    FloatArray,
    Graph,
    Linear,
    MaxPool2d,
    Node,
)

_BATCH = 64
# Factors beyond these would move a channel that is all but dead.
_SMALLEST, _LARGEST = 1 / 64, 64.0


def equalize(graph: Graph, x: FloatArray) -> Graph:
    """The same function with channels balanced, wherever one weighted layer alone reads another.

    x: float32 [count, *input shape], samples for the ranges. Between the two may stand a relu,
    pooling and a flatten; other activations end a pair, since they do not pass factors on.
    """
    largest = _largest_activations(graph, x)
    parameters = {
        node.name: (node.op.weight.copy(), node.op.bias.copy())
        for node in graph.weighted
        if isinstance(node.op, Conv2d | Linear)
    }
    for first, second in _pairs(graph):
        weight, bias = parameters[first.name]
        columns = _columns(second, parameters[second.name][0], len(weight))
        reading = np.abs(columns).reshape(columns.shape[0], -1).max(axis=1)
        writing = largest[first.name]
        live = (reading > 0) & (writing > 0)
        balance = np.sqrt(np.where(live, reading, 1.0) / np.where(live, writing, 1.0))
        # The geometric mean of all stays, so that no scale of a whole layer drifts.
        balance /= np.exp(np.log(balance[live]).mean()) if live.any() else 1.0
        factor = np.where(live, np.clip(balance, _SMALLEST, _LARGEST), 1.0)
        shape = (-1, *(1,) * (weight.ndim - 1))
        parameters[first.name] = (
            (weight * factor.reshape(shape)).astype(np.float32),
            (bias * factor).astype(np.float32),
        )
        weight, bias = parameters[second.name]
        parameters[second.name] = (_divided(second, weight, factor), bias)
    return graph.with_parameters(parameters)


def _pairs(graph: Graph) -> list[tuple[Node, Node]]:
    """Weighted nodes with the one weighted node that reads each, in execution order."""
    readers: dict[str, list[Node]] = {}
    for node in graph.nodes:
        for name in node.inputs:
            readers.setdefault(name, []).append(node)
    pairs = []
    for first in graph.weighted:
        node = first
        while _passes_factors(node) and len(readers.get(node.name, [])) == 1:
            (node,) = readers[node.name]
            if node.weighted:
                if _separable(node):
                    pairs.append((first, node))
                break
            if not isinstance(node.op, MaxPool2d | AvgPool2d | Flatten):
                break
    return pairs


def _passes_factors(node: Node) -> bool:
    """Whether what follows the operator commutes with positive factors."""
    activation = node.activation
    if activation is None:
        return True
    return activation.maximum == math.inf and activation.minimum in (0.0, -math.inf)


def _separable(node: Node) -> bool:
    """Whether each weight reads one channel that can be told from its place."""
    if isinstance(node.op, Conv2d):
        return node.op.groups in (1, len(node.op.weight))
    return True


def _columns(node: Node, weight: FloatArray, channels: int) -> FloatArray:
    """The weights by the channel that they read, [channels, ...]."""
    if isinstance(node.op, Conv2d) and node.op.groups > 1:
        return weight.reshape(channels, -1)
    return np.moveaxis(weight.reshape(len(weight), channels, -1), 1, 0).reshape(channels, -1)


def _divided(node: Node, weight: FloatArray, factor: NDArray[np.float64]) -> FloatArray:
    if isinstance(node.op, Conv2d) and node.op.groups > 1:
        parts = weight.reshape(len(factor), -1) / factor[:, None]
    else:
        # A flatten puts a channel's positions side by side.
        parts = weight.reshape(len(weight), len(factor), -1) / factor[None, :, None]
    return parts.reshape(weight.shape).astype(np.float32)


def _largest_activations(graph: Graph, x: FloatArray) -> Mapping[str, NDArray[np.float64]]:
    """Of each channel of every weighted node's output, [channels]."""
    wanted = {node.name for node in graph.weighted}
    largest: dict[str, NDArray[np.float64]] = {}

    def hook(name: str, value: Tensor) -> Tensor:
        if name in wanted:
            here = value.abs().transpose(0, 1).flatten(1).amax(dim=1).double().numpy()
            largest[name] = np.maximum(largest[name], here) if name in largest else here
        return value

    with torch.no_grad():
        for start in range(0, len(x), _BATCH):
            batch = np.ascontiguousarray(x[start : start + _BATCH], np.float32)
            execute(graph, torch.from_numpy(batch), on_output=hook)
    return largest
