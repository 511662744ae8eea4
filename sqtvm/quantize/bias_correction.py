"""Keeps the mean of every channel where the float network has it.

Rounding weights to few levels moves the mean of each output channel; the bias takes it back.
The idea is that of Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias
Correction" (2019), section 4.2, with the means measured on samples. Convolutions and products
are linear, so the mean of their outputs is their output for the mean of their inputs.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sqtvm.frontend.execute import execute
from sqtvm.frontend.graph import Conv2d, FloatArray, Graph, Input, Linear, Node
from sqtvm.quantize.network import TensorQuantization

_BATCH = 64


def mean_inputs(graph: Graph, x: FloatArray) -> Mapping[str, Tensor]:
    """The mean over samples of everything a weighted node reads.

    x: float32 [count, *input shape]; the result: float64 [1, *shape] by name of the node read.
    """
    wanted = {node.inputs[0] for node in graph.weighted}
    totals: dict[str, Tensor] = {}

    def hook(name: str, value: Tensor) -> Tensor:
        if name in wanted:
            total = value.sum(dim=0, keepdim=True, dtype=torch.float64)
            totals[name] = totals[name] + total if name in totals else total
        return value

    with torch.no_grad():
        for start in range(0, len(x), _BATCH):
            batch = np.ascontiguousarray(x[start : start + _BATCH], np.float32)
            execute(graph, torch.from_numpy(batch), on_output=hook)
    return {name: total / len(x) for name, total in totals.items()}


def shift(
    node: Node,
    dequantized: NDArray[np.float64],
    float_mean: Tensor,
    integer_x: Tensor,
    source: TensorQuantization,
) -> NDArray[np.float64]:
    """What to add to the bias of a weighted node, float64 [out].

    dequantized: the weights as rounded, in the shape and order of the node's own; float_mean:
    float64 [1, *shape], what the node reads on average in the float graph; integer_x: int8
    [count, *shape], channels last, what it reads in the integer network.
    """
    op = node.op
    assert isinstance(op, Conv2d | Linear)
    mean = (integer_x.mean(dim=0, keepdim=True, dtype=torch.float64) - source.zero_point) * (
        source.scale
    )
    if mean.dim() == 4:
        mean = mean.permute(0, 3, 1, 2)
    wanted = _channel_means(node, torch.from_numpy(op.weight).double(), float_mean)
    given = _channel_means(node, torch.from_numpy(dequantized), mean)
    difference: NDArray[np.float64] = (wanted - given).numpy()
    return difference


def _channel_means(node: Node, weight: Tensor, x: Tensor) -> Tensor:
    """The mean over positions of the node's output for x without bias and activation, [out]."""
    alone = Graph(
        (Node("x", Input(), (), tuple(x.shape[1:])), Node("y", node.op, ("x",), node.shape))
    )
    with torch.no_grad():
        output = execute(alone, x, {"y": (weight, torch.zeros(len(weight), dtype=weight.dtype))})
    return output.flatten(2).mean(dim=(0, 2)) if output.dim() == 4 else output.mean(dim=0)
