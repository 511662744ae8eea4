"""Depthwise convolutions as kernel calls."""

from __future__ import annotations

from enum import IntEnum

from sqtvm.compile.kernel_call import KernelCall, KernelStyle, Overlap
from sqtvm.compile.layouts.overlap import depthwise_in_place
from sqtvm.compile.layouts.packing import pack_taps
from sqtvm.compile.layouts.parameters import requantization, weighted_parameters
from sqtvm.compile.layouts.source import Field, Structure, definition
from sqtvm.frontend.graph import Shape
from sqtvm.quantize.network import IntegerConv2d, IntegerLayer, IntegerNetwork

_PAIR_BYTES = 128
"""Two columns of a strip: eight rows of four channels, int16."""

_CHANNEL_BYTES = {3: 76, 5: 80}
"""By kernel: what a channel needs beside the strip."""

_SMALL_OUTPUTS, _SMALL_SIDE = 9, 7
"""Of a map that depthwise_small.h unrolls: outputs, and the input's rows or columns."""

_REACH, _UNROLLED = 4095, 8
"""Of depthwise_stride2.h: bytes that a load's offset has, outputs whose windows it goes over."""


class DepthwisePath(IntEnum):
    """depthwise_shape.h's: which kernel makes a layer where there is SMLAD and no Helium."""

    PORTABLE = 0
    STRIPS = 1
    SMALL = 2
    STRIDE2 = 3


def depthwise_call(layer: IntegerLayer, network: IntegerNetwork, style: KernelStyle) -> KernelCall:
    """A convolution of as many groups as channels."""
    op = layer.op
    assert isinstance(op, IntegerConv2d)
    source = network.shape_of(layer.inputs[0])
    in_height, in_width, channels = source
    out_height, out_width, _ = layer.shape
    _, kernel_height, kernel_width, _ = op.weight.shape
    pairs = (out_width - 1) * op.stride[1] // 2 + (kernel_width + 1) // 2
    path = _path(op, source, layer.shape, style)
    shape: tuple[Field, ...] = (
        ("in_height", in_height),
        ("in_width", in_width),
        ("channels", channels),
        ("out_height", out_height),
        ("out_width", out_width),
        ("kernel_height", kernel_height),
        ("kernel_width", kernel_width),
        ("stride_height", op.stride[0]),
        ("stride_width", op.stride[1]),
        ("pad_top", op.padding[0]),
        ("pad_left", op.padding[1]),
        ("pairs", pairs),
        ("weight_bits", op.weight_bits),
        ("path", path),
    )
    in_place = depthwise_in_place(
        source, layer.shape, top=op.padding[0], stride=op.stride[0], kernel_height=kernel_height
    )
    taps = kernel_height * kernel_width
    ring = kernel_height * ((out_width - 1) * op.stride[1] + kernel_width)
    # Helium's: four channels, the taps as int32; more than one channel's as int16.
    scratch = 16 * taps + 4 * ring
    if path is DepthwisePath.STRIPS:
        scratch = max(scratch, pairs * _PAIR_BYTES + 4 * _CHANNEL_BYTES[kernel_width])
    return definition(
        "depthwise",
        [Structure("sqtvm_depthwise_shape", "shape", shape), requantization(op)],
        ["  sqtvm_depthwise(x0, c0, c1, y, scratch, &shape, requantization);"],
        style,
        headers=("sqtvm/depthwise.h",),
        inputs=1,
        constants=(
            pack_taps(op.weight.reshape(channels, taps), op.weight_bits),
            weighted_parameters(layer, network.quantization_of(layer.inputs[0]), 1),
        ),
        scratch_bytes=scratch,
        overlaps=(Overlap(0, exact=True) if in_place else None,),
        weight_bits=op.weight_bits,
    )


def _path(op: IntegerConv2d, source: Shape, output: Shape, style: KernelStyle) -> DepthwisePath:
    """source, output: height, width, channels."""
    kernel, stride = op.weight.shape[1:3], op.stride
    if style is not KernelStyle.COMPACT and kernel == (3, 3):
        if _is_small(op, source, output):
            return DepthwisePath.SMALL
        if stride == (2, 2) and _reads_bytes(op, source, output):
            return DepthwisePath.STRIDE2
    strips = (
        kernel in ((3, 3), (5, 5))
        and stride in ((1, 1), (2, 2))
        and source[2] >= 4
        and output[1] >= 2
    )
    return DepthwisePath.STRIPS if strips else DepthwisePath.PORTABLE


def _is_small(op: IntegerConv2d, source: Shape, output: Shape) -> bool:
    """Rows are read again for the next output, so where the output lies over the input, what was
    written must lie before them: hence the limits of padding and width, here and below."""
    return (
        output[0] * output[1] <= _SMALL_OUTPUTS
        and max(source[:2]) <= _SMALL_SIDE
        and op.padding[0] <= 1
        and output[1] <= source[1]
    )


def _reads_bytes(op: IntegerConv2d, source: Shape, output: Shape) -> bool:
    """One row and one column of a window are in the padding at most, and its last value is in reach
    of its first."""
    past = [2 * output[axis] + 1 - op.padding[axis] - source[axis] for axis in range(2)]
    line = source[1] * source[2]
    return (
        max(past) <= 1
        and max(op.padding[:2]) <= 1
        and source[0] >= 3
        and output[1] <= source[1]
        and 2 * (line + _UNROLLED * source[2]) <= _REACH
    )
