"""Operators without weights as kernel calls."""

from __future__ import annotations

import math

import numpy as np

from sqtvm.compile.kernel_call import KernelCall, KernelStyle, Overlap
from sqtvm.compile.layouts.overlap import pooling_lead
from sqtvm.compile.layouts.parameters import clips, head
from sqtvm.compile.layouts.source import Field, Structure, definition
from sqtvm.quantize.network import (
    IntegerAdd,
    IntegerAvgPool2d,
    IntegerClamp,
    IntegerConcat,
    IntegerLayer,
    IntegerMaxPool2d,
    IntegerNetwork,
    IntegerSoftmax,
)

_ELEMENTWISE = ("sqtvm/elementwise.h",)
_POOL = ("sqtvm/pool.h",)


def add_call(layer: IntegerLayer, _network: IntegerNetwork, style: KernelStyle) -> KernelCall:
    """The sum of two tensors, each with its own scale."""
    op = layer.op
    assert isinstance(op, IntegerAdd)
    shape = (("count", math.prod(layer.shape)), ("shift", op.shift), ("clips", int(clips(op.clip))))
    return definition(
        "add",
        [Structure("sqtvm_add_shape", "shape", shape)],
        ["  sqtvm_add(x0, x1, c0, y, shape);"],
        style,
        headers=_ELEMENTWISE,
        inputs=2,
        constants=(_words(*op.factors, op.offset, op.clip.low, op.clip.high),),
        scratch_bytes=0,
        overlaps=(Overlap(0), Overlap(0)),
    )


def max_pool2d_call(layer: IntegerLayer, network: IntegerNetwork, style: KernelStyle) -> KernelCall:
    """Maximum pooling."""
    op = layer.op
    assert isinstance(op, IntegerMaxPool2d)
    shape = _pool_shape(layer, network, op)
    return definition(
        "max_pool2d",
        [Structure("sqtvm_pool_shape", "shape", shape)],
        ["  sqtvm_max_pool2d(x0, c0, y, shape);"],
        style,
        headers=_POOL,
        inputs=1,
        constants=(_words(op.clip.low, op.clip.high),),
        scratch_bytes=0,
        overlaps=(_pool_overlap(layer, network, op),),
    )


def avg_pool2d_call(layer: IntegerLayer, network: IntegerNetwork, style: KernelStyle) -> KernelCall:
    """Average pooling, global pooling too."""
    op = layer.op
    assert isinstance(op, IntegerAvgPool2d)
    shape = _pool_shape(layer, network, op)
    source = network.quantization_of(layer.inputs[0])
    fields = (("left_shift", op.left_shift), ("clips", int(clips(op.clip))))
    return definition(
        "avg_pool2d",
        [
            Structure("sqtvm_pool_shape", "shape", shape),
            Structure("sqtvm_requantization", "requantization", fields),
        ],
        ["  sqtvm_avg_pool2d(x0, c0, y, shape, requantization);"],
        style,
        headers=_POOL,
        inputs=1,
        constants=(_words(*head(source, layer.output, op.clip), op.multiplier),),
        scratch_bytes=0,
        overlaps=(_pool_overlap(layer, network, op),),
    )


def flatten_call(layer: IntegerLayer, network: IntegerNetwork, style: KernelStyle) -> KernelCall:
    """Height, width, channels to channels, height, width."""
    shape = network.shape_of(layer.inputs[0])
    channels = shape[-1]
    positions = math.prod(shape) // channels
    return definition(
        "flatten",
        [Structure("sqtvm_rows", "rows", (("count", positions), ("channels", channels)))],
        ["  sqtvm_flatten(x0, y, rows);"],
        style,
        headers=_ELEMENTWISE,
        inputs=1,
        constants=(),
        scratch_bytes=0,
        overlaps=(Overlap(0),) if positions == 1 or channels == 1 else None,
    )


def concat_call(layer: IntegerLayer, network: IntegerNetwork, style: KernelStyle) -> KernelCall:
    """Tensors side by side, brought to one scale."""
    op = layer.op
    assert isinstance(op, IntegerConcat)
    stride = layer.shape[-1]
    positions = math.prod(layer.shape) // stride
    words: list[int] = []
    body: list[str] = []
    structures = []
    first = 0
    for index, (name, rescaling) in enumerate(zip(layer.inputs, op.rescalings, strict=True)):
        channels = network.shape_of(name)[-1]
        shape = (
            ("count", positions),
            ("channels", channels),
            ("first", first),
            ("stride", stride),
            ("scaled", int(rescaling is not None)),
        )
        structures.append(Structure("sqtvm_concat_shape", f"shape{index}", shape))
        body.append(f"  sqtvm_concat_input(x{index}, c0 + {5 * index}, y, shape{index});")
        values = (rescaling.factor, rescaling.offset, rescaling.shift) if rescaling else (0, 0, 0)
        words += [*values, op.clip.low, op.clip.high]
        first += channels
    return definition(
        f"concat{len(layer.inputs)}",
        structures,
        body,
        style,
        headers=_ELEMENTWISE,
        inputs=len(layer.inputs),
        constants=(_words(*words),),
        scratch_bytes=0,
    )


def softmax_call(layer: IntegerLayer, _network: IntegerNetwork, style: KernelStyle) -> KernelCall:
    """Softmax by a table of exponentials."""
    op = layer.op
    assert isinstance(op, IntegerSoftmax)
    channels = layer.shape[-1]
    rows = math.prod(layer.shape) // channels
    return definition(
        "softmax",
        [Structure("sqtvm_rows", "rows", (("count", rows), ("channels", channels)))],
        ["  sqtvm_softmax(x0, c0, y, rows);"],
        style,
        headers=_ELEMENTWISE,
        inputs=1,
        constants=(op.table,),
        scratch_bytes=0,
    )


def clamp_call(layer: IntegerLayer, _network: IntegerNetwork, style: KernelStyle) -> KernelCall:
    """A clamp that no operator could take in."""
    op = layer.op
    assert isinstance(op, IntegerClamp)
    shape = (("count", 1), ("channels", math.prod(layer.shape)))
    return definition(
        "clamp",
        [Structure("sqtvm_rows", "rows", shape)],
        ["  sqtvm_clamp(x0, c0, y, rows);"],
        style,
        headers=_ELEMENTWISE,
        inputs=1,
        constants=(_words(op.clip.low, op.clip.high),),
        scratch_bytes=0,
        overlaps=(Overlap(0),),
    )


def _pool_overlap(
    layer: IntegerLayer, network: IntegerNetwork, op: IntegerMaxPool2d | IntegerAvgPool2d
) -> Overlap:
    source = network.shape_of(layer.inputs[0])
    return Overlap(pooling_lead(source, layer.shape, top=op.padding[0], stride=op.stride[0]))


def _pool_shape(
    layer: IntegerLayer, network: IntegerNetwork, op: IntegerMaxPool2d | IntegerAvgPool2d
) -> tuple[Field, ...]:
    in_height, in_width, channels = network.shape_of(layer.inputs[0])
    out_height, out_width, _ = layer.shape
    return (
        ("in_height", in_height),
        ("in_width", in_width),
        ("channels", channels),
        ("out_height", out_height),
        ("out_width", out_width),
        ("kernel_height", op.kernel[0]),
        ("kernel_width", op.kernel[1]),
        ("stride_height", op.stride[0]),
        ("stride_width", op.stride[1]),
        ("pad_top", op.padding[0]),
        ("pad_left", op.padding[1]),
    )


def _words(*values: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    return np.array(values, np.int32)
