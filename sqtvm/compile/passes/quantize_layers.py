"""The rewrite from float to integer: each layer with its own bits, scales and kernel."""

from __future__ import annotations

from collections.abc import Mapping

import tvm
from tvm import relay
from tvm.relay.expr_functor import ExprMutator

from sqtvm.compile import kernel_operators
from sqtvm.compile.kernel_call import KernelCall
from sqtvm.compile.layouts.bands import stored_shape
from sqtvm.frontend.graph import Shape
from sqtvm.quantize.network import (
    IntegerAdd,
    IntegerAvgPool2d,
    IntegerClamp,
    IntegerConcat,
    IntegerConv2d,
    IntegerFlatten,
    IntegerLayer,
    IntegerLinear,
    IntegerMaxPool2d,
    IntegerNetwork,
    IntegerSoftmax,
)

INPUT_NAME = "input"

_FAMILY: Mapping[type, str] = {
    IntegerConv2d: "conv2d",
    IntegerLinear: "linear",
    IntegerAdd: "add",
    IntegerMaxPool2d: "max_pool2d",
    IntegerAvgPool2d: "avg_pool2d",
    IntegerFlatten: "flatten",
    IntegerConcat: "concat",
    IntegerSoftmax: "softmax",
    IntegerClamp: "clamp",
}


def quantize_layers(
    module: tvm.IRModule, network: IntegerNetwork, kernels: Mapping[str, KernelCall]
) -> tvm.IRModule:
    """The float module with every layer replaced by its kernel, int8 from end to end.

    module: as ``relay_import.import_graph`` makes it, each call spanned with its layer's name;
    kernels: how each layer of ``network`` is computed, by layer name. The result's ``main``
    takes the int8 input alone: packed weights have become constants.
    """
    main = _QuantizeLayers(network, kernels).visit(module["main"])
    return relay.transform.InferType()(tvm.IRModule.from_expr(main))


class _QuantizeLayers(ExprMutator):  # type: ignore[misc]
    def __init__(self, network: IntegerNetwork, kernels: Mapping[str, KernelCall]) -> None:
        super().__init__()
        self._network = network
        self._kernels = kernels
        self._numbers = {layer.name: number for number, layer in enumerate(network.layers)}

    def visit_function(self, function: relay.Function) -> relay.Function:
        source = function.params[0]
        quantized = relay.var(INPUT_NAME, shape=with_batch(self._network.input_shape), dtype="int8")
        self.memo_map[source] = quantized
        return relay.Function([quantized], self.visit(function.body))

    def visit_call(self, call: relay.Call) -> relay.Expr:
        number = self._numbers[call.span.source_name.name]
        layer = self._network.layers[number]
        kernel = self._kernels[layer.name]
        inputs = [self.visit(leaf) for leaf in _leaves(call, layer.name)]
        inputs += [relay.const(constant) for constant in kernel.constants]
        return kernel_operators.call(
            _family(layer, self._network),
            inputs,
            function=kernel.function,
            layer=number,
            shape=with_batch(stored_shape(layer.shape, layer.output)),
            scratch_bytes=kernel.scratch_bytes,
            weight_bits=getattr(layer.op, "weight_bits", 0),
        )


def with_batch(shape: Shape) -> tuple[int, ...]:
    """The shape of a network's tensor as Relay sees it: a batch of one."""
    return (1, *shape)


def _leaves(call: relay.Call, name: str) -> list[relay.Expr]:
    """What the layer reads, in order: everything below its own calls but its parameters."""
    leaves: list[relay.Expr] = []
    for argument in call.args:
        fields = argument.fields if isinstance(argument, relay.Tuple) else [argument]
        for field in fields:
            if isinstance(field, relay.Call) and field.span.source_name.name == name:
                leaves += _leaves(field, name)
            elif not (isinstance(field, relay.Var) and field.name_hint.startswith(f"{name}.")):
                leaves.append(field)
    return leaves


def _family(layer: IntegerLayer, network: IntegerNetwork) -> str:
    if isinstance(layer.op, IntegerConv2d) and layer.op.groups > 1:
        channels = network.shape_of(layer.inputs[0])[-1]
        if layer.op.groups == channels:
            return "depthwise_conv2d"
    return _FAMILY[type(layer.op)]
