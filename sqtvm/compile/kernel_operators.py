"""The Relay operators behind which our C kernels stand.

One operator a kernel family, so that a printed module can be read; all have the same shape of
attributes (what C function, which layer, what comes out, how much scratch) and one compute rule:
an extern call between the profiling hooks, its scratch placed by the memory planner.
"""

from __future__ import annotations

from collections.abc import Sequence

import tvm
from tvm import relay, te, tir
from tvm.relay import op as relay_op

FAMILIES = (
    "conv2d",
    "depthwise_conv2d",
    "linear",
    "add",
    "max_pool2d",
    "avg_pool2d",
    "flatten",
    "concat",
    "softmax",
    "clamp",
)

LAYER_BEGIN = "sqtvm_layer_begin"
LAYER_END = "sqtvm_layer_end"


def call(
    family: str,
    inputs: Sequence[relay.Expr],
    *,
    function: str,
    layer: int,
    shape: Sequence[int],
    scratch_bytes: int,
    weight_bits: int,
) -> relay.Call:
    """A Relay call of a kernel.

    inputs: int8 tensors, then the layer's constants; shape: of the int8 output; weight_bits: 0
    where there are no weights (only for the reader of the module).
    """
    attributes = tvm.ir.make_node(
        "DictAttrs",
        function=function,
        layer=layer,
        output_shape=list(shape),
        scratch_bytes=scratch_bytes,
        weight_bits=weight_bits,
    )
    return relay.Call(relay_op.get(f"sqtvm.{family}"), list(inputs), attributes)


def _output_type(_arguments: list[relay.Type], attributes: tvm.ir.Attrs) -> relay.TensorType:
    return relay.TensorType([int(extent) for extent in attributes["output_shape"]], "int8")


def _compute(
    attributes: tvm.ir.Attrs, inputs: list[te.Tensor], _output: relay.Type
) -> list[te.Tensor]:
    layer = tir.const(int(attributes["layer"]), "uint32")
    scratch_bytes = int(attributes["scratch_bytes"])

    def body(sources: list[tir.Buffer], results: list[tir.Buffer]) -> tir.Stmt:
        builder = tir.ir_builder.create()
        arguments = [source.access_ptr("r") for source in sources]
        arguments.append(results[0].access_ptr("w"))
        if scratch_bytes:
            scratch = builder.allocate("uint8", (scratch_bytes,), name="scratch", scope="global")
            arguments.append(scratch._buffer.access_ptr("rw"))
        builder.emit(tir.call_extern("int32", LAYER_BEGIN, layer))
        builder.emit(tir.call_extern("int32", str(attributes["function"]), *arguments))
        builder.emit(tir.call_extern("int32", LAYER_END, layer))
        return builder.get()

    shape = [int(extent) for extent in attributes["output_shape"]]
    return [te.extern([shape], list(inputs), body, dtype=["int8"], name="result")]


@tvm.target.override_native_generic_func("sqtvm_kernel_strategy")  # type: ignore[untyped-decorator]
def _strategy(
    _attributes: tvm.ir.Attrs,
    _inputs: list[te.Tensor],
    _output: relay.Type,
    _target: tvm.target.Target,
) -> relay_op.OpStrategy:
    strategy = relay_op.OpStrategy()
    strategy.add_implementation(_compute, _schedule, name="sqtvm.kernel")
    return strategy


def _schedule(
    _attributes: tvm.ir.Attrs, outputs: list[te.Tensor], _target: tvm.target.Target
) -> te.Schedule:
    return te.create_schedule([output.op for output in outputs])


def _register(family: str) -> None:
    name = f"sqtvm.{family}"
    relay_op.op.register(name, f"{family} by a kernel in C")
    operator = relay_op.get(name)
    operator.set_attrs_type_key("DictAttrs")
    operator.set_num_inputs(-1)
    operator.set_support_level(10)
    operator.add_type_rel(f"{name}.output", _output_type)
    relay_op.op.register_pattern(name, relay_op.OpPattern.OPAQUE)
    relay_op.op.register_strategy(name, _strategy)


for _family in FAMILIES:
    _register(_family)
