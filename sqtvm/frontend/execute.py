"""Runs a graph in torch: the float reference, and the ground for calibration and fine-tuning."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as functional
from torch import Tensor

from sqtvm.frontend.graph import (
    Add,
    AvgPool2d,
    Clamp,
    Concat,
    Conv2d,
    Flatten,
    Graph,
    Linear,
    MaxPool2d,
    Node,
    Softmax,
)

OutputHook = Callable[[str, Tensor], Tensor]


def execute(
    graph: Graph,
    x: Tensor,
    parameters: Mapping[str, tuple[Tensor, Tensor]] | None = None,
    on_output: OutputHook | None = None,
) -> Tensor:
    """The graph's output for a batch.

    x: float [batch, *input shape]; parameters: (weight, bias) tensors to use instead of the
    graph's own, by node name, so that gradients reach them; on_output: called with each node's
    name and output (the input's too), returns what the next nodes read.
    """
    values: dict[str, Tensor] = {}
    for node in graph.nodes:
        if node is graph.input:
            value = x
        else:
            override = parameters.get(node.name) if parameters else None
            value = run_node(node, [values[name] for name in node.inputs], override)
        values[node.name] = on_output(node.name, value) if on_output else value
    return values[graph.output.name]


def run_node(
    node: Node, inputs: list[Tensor], parameters: tuple[Tensor, Tensor] | None = None
) -> Tensor:
    """What one node, which is not the input, makes of its inputs, its activation applied.

    inputs: float [batch, *shape] each; parameters: (weight, bias) to use instead of its own.
    """
    value = _apply(node, inputs, parameters)
    if node.activation is not None:
        value = _clamp(value, node.activation)
    return value


def _apply(node: Node, inputs: list[Tensor], override: tuple[Tensor, Tensor] | None) -> Tensor:
    op = node.op
    x = inputs[0]
    if isinstance(op, Conv2d | Linear):
        weight, bias = override or (torch.from_numpy(op.weight), torch.from_numpy(op.bias))
        if isinstance(op, Linear):
            return functional.linear(x, weight, bias)
        around = op.padding[:2]
        if op.padding[2:] != around:
            x, around = _pad(x, op.padding, 0.0), (0, 0)
        return functional.conv2d(x, weight, bias, op.stride, around, groups=op.groups)
    if isinstance(op, Add):
        return x + inputs[1]
    if isinstance(op, MaxPool2d):
        return functional.max_pool2d(_pad(x, op.padding, float("-inf")), op.kernel, op.stride)
    if isinstance(op, AvgPool2d):
        return functional.avg_pool2d(_pad(x, op.padding, 0.0), op.kernel, op.stride)
    if isinstance(op, Flatten):
        return x.flatten(1)
    if isinstance(op, Concat):
        return torch.cat(inputs, dim=1)
    if isinstance(op, Softmax):
        return x.softmax(dim=1)
    if isinstance(op, Clamp):
        return _clamp(x, op)
    raise AssertionError(f"no rule to run {type(op).__name__}")


def _clamp(x: Tensor, limits: Clamp) -> Tensor:
    if (limits.minimum, limits.maximum) == (0.0, math.inf):
        # The same values, and a gradient that costs a fifth.
        return x.relu()
    return x.clamp(limits.minimum, limits.maximum)


def _pad(x: Tensor, padding: tuple[int, int, int, int], value: float) -> Tensor:
    top, left, bottom, right = padding
    if not any(padding):
        return x
    return functional.pad(x, (left, right, top, bottom), value=value)
