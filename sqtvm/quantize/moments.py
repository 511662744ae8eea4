"""Keeps the mean and the spread of every channel where the float network has them.

Rounding weights to few levels moves the mean of each output channel and changes its spread. The
bias takes the mean back: Nagel et al., "Data-Free Quantization Through Weight Equalization and
Bias Correction" (2019), section 4.2, here with means measured on samples. The scale of the
channel's weights, of which it has one of its own, takes the spread back, and costs nothing where
the network runs. Together they are what re-estimating the batch norm behind the layer would do,
which is folded into its weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sqtvm.frontend.execute import execute, run_node
from sqtvm.frontend.graph import Conv2d, FloatArray, Graph, Linear, Node
from sqtvm.quantize.network import Int8Array, TensorQuantization

_BATCH = 64
# Beyond these a channel is all but dead, or was.
LEAST_GAIN, MOST_GAIN = 0.25, 4.0
# Gains are multiples of this: the last bits of float sums, which differ between processors, have
# no say.
_GRAIN = 1 / 4096


@dataclass(frozen=True, eq=False)
class Moments:
    """Of each channel of a layer's output, without bias and activation, over samples and
    positions: mean and standard deviation, float64 [channels]."""

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]


@dataclass
class _Sums:
    """Over values of each channel."""

    total: Tensor | float = 0.0
    squares: Tensor | float = 0.0
    count: int = 0

    def add(self, rows: Tensor) -> None:
        """rows: [channels, values]."""
        wide = rows.double()
        self.total = self.total + wide.sum(dim=1)
        self.squares = self.squares + wide.square().sum(dim=1)
        self.count += rows.shape[1]

    def moments(self) -> Moments:
        mean, square = (
            torch.as_tensor(part).numpy() / self.count for part in (self.total, self.squares)
        )
        return Moments(mean, np.sqrt(np.maximum(square - mean**2, 0.0)))


def float_moments(graph: Graph, x: FloatArray) -> Mapping[str, Moments]:
    """Of every weighted node; x: float32 [count, *input shape]."""
    sums = {node.name: _Sums() for node in graph.weighted}
    for start in range(0, len(x), _BATCH):
        batch = np.ascontiguousarray(x[start : start + _BATCH], np.float32)
        values: dict[str, Tensor] = {}

        def keep(name: str, value: Tensor, values: dict[str, Tensor] = values) -> Tensor:
            values[name] = value
            return value

        with torch.no_grad():
            execute(graph, torch.from_numpy(batch), on_output=keep)
        for node in graph.weighted:
            assert isinstance(node.op, Conv2d | Linear)
            weight = torch.from_numpy(node.op.weight)
            sums[node.name].add(_output(node, weight, values[node.inputs[0]]))
    return {name: found.moments() for name, found in sums.items()}


def match(
    node: Node,
    weight: Int8Array,
    scale: NDArray[np.float64],
    wanted: Moments,
    integer_x: Tensor,
    source: TensorQuantization,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What to multiply a weighted node's scales by, and what to add to its bias, float64 [out].

    weight: the integers in the shape and order of the node's own; scale: float64 [out]; wanted: of
    the float network; integer_x: int8 [count, *shape], channels last, what the node reads in the
    integer network.
    """
    centred = integer_x.float() - source.zero_point
    if centred.dim() == 4:
        centred = centred.permute(0, 3, 1, 2)
    sums = _Sums()
    sums.add(_output(node, torch.from_numpy(weight).float(), centred))
    given = sums.moments()
    unit = scale * source.scale
    deviation = given.deviation * np.abs(unit)
    live = deviation > 1e-3 * wanted.deviation
    ratio = np.where(live, wanted.deviation / np.where(live, deviation, 1.0), 1.0)
    gain = np.clip(np.rint(ratio / _GRAIN) * _GRAIN, LEAST_GAIN, MOST_GAIN)
    return gain, wanted.mean - given.mean * unit * gain


def _output(node: Node, weight: Tensor, x: Tensor) -> Tensor:
    """The node's output without bias and activation, channels first: [channels, values]."""
    with torch.no_grad():
        bias = torch.zeros(len(weight), dtype=weight.dtype)
        output = run_node(replace(node, activation=None), [x], (weight, bias))
    return output.transpose(0, 1).flatten(1)
