"""Depthwise convolutions as kernel calls."""

from __future__ import annotations

from sqtvm.compile.kernel_call import KernelCall, KernelStyle, Overlap
from sqtvm.compile.layouts.overlap import depthwise_in_place
from sqtvm.compile.layouts.packing import pack_taps
from sqtvm.compile.layouts.parameters import requantization, weighted_parameters
from sqtvm.compile.layouts.source import Field, Structure, definition
from sqtvm.quantize.network import IntegerConv2d, IntegerLayer, IntegerNetwork

_PAIR_BYTES = 128
"""Two columns of a strip: eight rows of four channels, int16."""

_CHANNEL_BYTES = {3: 76, 5: 80}
"""By kernel: what a channel needs beside the strip."""


def depthwise_call(layer: IntegerLayer, network: IntegerNetwork, style: KernelStyle) -> KernelCall:
    """A convolution of as many groups as channels."""
    op = layer.op
    assert isinstance(op, IntegerConv2d)
    in_height, in_width, channels = network.shape_of(layer.inputs[0])
    out_height, out_width, _ = layer.shape
    _, kernel_height, kernel_width, _ = op.weight.shape
    pairs = (out_width - 1) * op.stride[1] // 2 + (kernel_width + 1) // 2
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
    )
    in_place = depthwise_in_place(
        (in_height, in_width, channels),
        layer.shape,
        top=op.padding[0],
        stride=op.stride[0],
        kernel_height=kernel_height,
    )
    taps = kernel_height * kernel_width
    ring = kernel_height * ((out_width - 1) * op.stride[1] + kernel_width)
    # Helium's: four channels, the taps as int32; more than one channel's as int16.
    scratch = 16 * taps + 4 * ring
    if kernel_height == kernel_width and kernel_width in _CHANNEL_BYTES:
        strip = pairs * _PAIR_BYTES + min(channels, 4) * _CHANNEL_BYTES[kernel_width]
        scratch = max(scratch, strip)
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
