"""A graph as a float Relay module.

Feature maps are NHWC with a batch of one, weights HWIO (depthwise ones HWOI). Every call carries
its node's name as its span, so that the rewrite finds each layer's bits; weights stay free
parameters, named ``<node>.weight`` and ``<node>.bias``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tvm
from numpy.typing import NDArray
from tvm import relay

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
    Shape,
    Softmax,
)


@dataclass(frozen=True)
class FloatModule:
    """The module's ``main`` takes the input, then the parameters by name."""

    module: tvm.IRModule
    parameters: dict[str, NDArray[np.float32]]


def batched(shape: Shape) -> tuple[int, ...]:
    """(channels, height, width) or (features,) of torch as Relay's NHWC or NC shape."""
    if len(shape) == 3:
        channels, height, width = shape
        return (1, height, width, channels)
    return (1, *shape)


def import_graph(graph: Graph) -> FloatModule:
    """The float module that computes what the graph computes, checked by type inference."""
    parameters: dict[str, NDArray[np.float32]] = {}
    variables: list[relay.Var] = []

    def parameter(name: str, value: NDArray[np.float32]) -> relay.Var:
        parameters[name] = np.ascontiguousarray(value, np.float32)
        variables.append(relay.var(name, shape=value.shape, dtype="float32"))
        return variables[-1]

    source = relay.var(graph.input.name, shape=batched(graph.input.shape), dtype="float32")
    values: dict[str, relay.Expr] = {graph.input.name: source}
    for node in graph.nodes[1:]:
        inputs = [values[name] for name in node.inputs]
        input_shape = graph[node.inputs[0]].shape
        body = _operator(node, inputs, input_shape, parameter)
        if node.activation is not None:
            body = _clamp(body, node.activation)
        values[node.name] = _name_calls(body, inputs, node.name)
    main = relay.Function([source, *variables], values[graph.output.name])
    module = relay.transform.InferType()(tvm.IRModule.from_expr(main))
    return FloatModule(module, parameters)


def _operator(
    node: Node,
    inputs: list[relay.Expr],
    input_shape: Shape,
    parameter: Callable[[str, NDArray[np.float32]], relay.Var],
) -> relay.Expr:
    op, x = node.op, inputs[0]
    if isinstance(op, Conv2d):
        depthwise = op.groups > 1 and op.weight.shape[1] == 1
        # OIHW to HWOI (depthwise, where I is 1) or HWIO.
        order = (2, 3, 0, 1) if depthwise else (2, 3, 1, 0)
        convolved = relay.nn.conv2d(
            x,
            parameter(f"{node.name}.weight", op.weight.transpose(order)),
            strides=op.stride,
            padding=op.padding,
            groups=op.groups,
            channels=op.weight.shape[0],
            kernel_size=op.weight.shape[2:],
            data_layout="NHWC",
            kernel_layout="HWOI" if depthwise else "HWIO",
        )
        return relay.nn.bias_add(convolved, parameter(f"{node.name}.bias", op.bias), axis=3)
    if isinstance(op, Linear):
        product = relay.nn.dense(x, parameter(f"{node.name}.weight", op.weight))
        return relay.nn.bias_add(product, parameter(f"{node.name}.bias", op.bias))
    if isinstance(op, Add):
        return relay.add(x, inputs[1])
    if isinstance(op, MaxPool2d):
        return relay.nn.max_pool2d(x, op.kernel, op.stride, padding=op.padding, layout="NHWC")
    if isinstance(op, AvgPool2d):
        return relay.nn.avg_pool2d(
            x, op.kernel, op.stride, padding=op.padding, layout="NHWC", count_include_pad=True
        )
    if isinstance(op, Flatten):
        if len(input_shape) == 3:
            x = relay.transpose(x, (0, 3, 1, 2))
        return relay.reshape(x, (1, math.prod(input_shape)))
    if isinstance(op, Concat):
        return relay.concatenate(inputs, axis=len(node.shape))
    if isinstance(op, Softmax):
        return relay.nn.softmax(x, axis=len(node.shape))
    if isinstance(op, Clamp):
        return _clamp(x, op)
    raise AssertionError(f"no Relay rule for {type(op).__name__}")


def _clamp(x: relay.Expr, clamp: Clamp) -> relay.Expr:
    return relay.clip(x, clamp.minimum, clamp.maximum)


def _name_calls(body: relay.Expr, inputs: list[relay.Expr], name: str) -> relay.Expr:
    """The calls between ``body`` and ``inputs``, rebuilt with the node's name as their span."""
    span = relay.Span(relay.SourceName(name), 0, 0, 0, 0)
    if any(body.same_as(leaf) for leaf in inputs) or isinstance(body, relay.Var):
        return body
    if isinstance(body, relay.Tuple):
        return relay.Tuple([_name_calls(field, inputs, name) for field in body.fields], span)
    arguments = [_name_calls(argument, inputs, name) for argument in body.args]
    return relay.Call(body.op, arguments, body.attrs, body.type_args, span)
