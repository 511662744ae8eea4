"""Operators without weights as kernel calls."""

from __future__ import annotations

import math

import numpy as np

from sqtvm.compile.kernel_call import KernelCall
from sqtvm.compile.layouts.parameters import clips, head
from sqtvm.compile.layouts.source import Field, definition, structure
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


def add_call(layer: IntegerLayer, _network: IntegerNetwork) -> KernelCall:
    """The sum of two tensors, each with its own scale."""
    op = layer.op
    assert isinstance(op, IntegerAdd)
    count = math.prod(layer.shape)
    narrow = int(clips(op.clip))
    return definition(
        "add",
        [count, op.shift, narrow],
        [f"  sqtvm_add(x0, x1, c0, y, {count}, {op.shift}, {narrow});"],
        headers=_ELEMENTWISE,
        inputs=2,
        constants=(_words(*op.factors, op.offset, op.clip.low, op.clip.high),),
        scratch_bytes=0,
    )


def max_pool2d_call(layer: IntegerLayer, network: IntegerNetwork) -> KernelCall:
    """Maximum pooling."""
    op = layer.op
    assert isinstance(op, IntegerMaxPool2d)
    shape = _pool_shape(layer, network, op)
    return definition(
        "max_pool2d",
        [value for _, value in shape],
        [
            f"  static const {structure('sqtvm_pool_shape', 'shape', shape)}",
            "  sqtvm_max_pool2d(x0, c0, y, shape);",
        ],
        headers=_POOL,
        inputs=1,
        constants=(_words(op.clip.low, op.clip.high),),
        scratch_bytes=0,
    )


def avg_pool2d_call(layer: IntegerLayer, network: IntegerNetwork) -> KernelCall:
    """Average pooling, global pooling too."""
    op = layer.op
    assert isinstance(op, IntegerAvgPool2d)
    shape = _pool_shape(layer, network, op)
    narrow = int(clips(op.clip))
    source = network.quantization_of(layer.inputs[0])
    fields: list[Field] = [("left_shift", op.left_shift), ("clips", narrow)]
    return definition(
        "avg_pool2d",
        [*(value for _, value in shape), op.left_shift, narrow],
        [
            f"  static const {structure('sqtvm_pool_shape', 'shape', shape)}",
            f"  static const {structure('sqtvm_requantization', 'requantization', fields)}",
            "  sqtvm_avg_pool2d(x0, c0, y, shape, requantization);",
        ],
        headers=_POOL,
        inputs=1,
        constants=(_words(*head(source, layer.output, op.clip), op.multiplier),),
        scratch_bytes=0,
    )


def flatten_call(layer: IntegerLayer, network: IntegerNetwork) -> KernelCall:
    """Height, width, channels to channels, height, width."""
    shape = network.shape_of(layer.inputs[0])
    channels = shape[-1]
    positions = math.prod(shape) // channels
    return definition(
        "flatten",
        [positions, channels],
        [f"  sqtvm_flatten(x0, y, {positions}, {channels});"],
        headers=_ELEMENTWISE,
        inputs=1,
        constants=(),
        scratch_bytes=0,
    )


def concat_call(layer: IntegerLayer, network: IntegerNetwork) -> KernelCall:
    """Tensors side by side, brought to one scale."""
    op = layer.op
    assert isinstance(op, IntegerConcat)
    stride = layer.shape[-1]
    positions = math.prod(layer.shape) // stride
    words: list[int] = []
    body: list[str] = []
    geometry = [positions, stride]
    first = 0
    for index, (name, rescaling) in enumerate(zip(layer.inputs, op.rescalings, strict=True)):
        channels = network.shape_of(name)[-1]
        scaled = int(rescaling is not None)
        body.append(
            f"  sqtvm_concat_input(x{index}, c0 + {5 * index}, y + {first}, {positions}, "
            f"{channels}, {stride}, {scaled});"
        )
        values = (rescaling.factor, rescaling.offset, rescaling.shift) if rescaling else (0, 0, 0)
        words += [*values, op.clip.low, op.clip.high]
        geometry += [channels, scaled]
        first += channels
    return definition(
        "concat",
        geometry,
        body,
        headers=_ELEMENTWISE,
        inputs=len(layer.inputs),
        constants=(_words(*words),),
        scratch_bytes=0,
    )


def softmax_call(layer: IntegerLayer, _network: IntegerNetwork) -> KernelCall:
    """Softmax by a table of exponentials."""
    op = layer.op
    assert isinstance(op, IntegerSoftmax)
    channels = layer.shape[-1]
    rows = math.prod(layer.shape) // channels
    return definition(
        "softmax",
        [rows, channels],
        [f"  sqtvm_softmax(x0, c0, y, {rows}, {channels});"],
        headers=_ELEMENTWISE,
        inputs=1,
        constants=(op.table,),
        scratch_bytes=0,
    )


def clamp_call(layer: IntegerLayer, _network: IntegerNetwork) -> KernelCall:
    """A clamp that no operator could take in."""
    op = layer.op
    assert isinstance(op, IntegerClamp)
    count = math.prod(layer.shape)
    return definition(
        "clamp",
        [count],
        [f"  sqtvm_clamp(x0, c0, y, {count});"],
        headers=_ELEMENTWISE,
        inputs=1,
        constants=(_words(op.clip.low, op.clip.high),),
        scratch_bytes=0,
    )


def _pool_shape(
    layer: IntegerLayer, network: IntegerNetwork, op: IntegerMaxPool2d | IntegerAvgPool2d
) -> list[Field]:
    in_height, in_width, channels = network.shape_of(layer.inputs[0])
    out_height, out_width, _ = layer.shape
    return [
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
    ]


def _words(*values: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    return np.array(values, np.int32)
