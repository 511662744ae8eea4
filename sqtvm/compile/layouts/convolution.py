"""Convolutions, depthwise ones and fully connected layers as kernel calls."""

from __future__ import annotations

import math

import numpy as np

from sqtvm.compile.kernel_call import KernelCall
from sqtvm.compile.layouts.packing import (
    pack_channel_pairs,
    pack_feature_fours,
    pack_taps,
    padded_quads,
)
from sqtvm.compile.layouts.parameters import clips, weighted_parameters
from sqtvm.compile.layouts.source import Field, definition, structure
from sqtvm.quantize.network import IntegerConv2d, IntegerLayer, IntegerLinear, IntegerNetwork


def conv2d_call(layer: IntegerLayer, network: IntegerNetwork) -> KernelCall:
    """A convolution of any kind."""
    op = layer.op
    assert isinstance(op, IntegerConv2d)
    in_channels = network.shape_of(layer.inputs[0])[-1]
    if op.groups > 1 and op.groups == in_channels == layer.shape[-1]:
        return _depthwise_call(layer, network)
    return _grouped_call(layer, network)


def _grouped_call(layer: IntegerLayer, network: IntegerNetwork) -> KernelCall:
    op = layer.op
    assert isinstance(op, IntegerConv2d)
    in_height, in_width, in_channels = network.shape_of(layer.inputs[0])
    out_height, out_width, out_channels = layer.shape
    _, kernel_height, kernel_width, depth_channels = op.weight.shape
    depth = kernel_height * kernel_width * depth_channels
    quads = padded_quads(depth, op.weight_bits)
    group_channels = out_channels // op.groups
    shape: list[Field] = [
        ("in_height", in_height),
        ("in_width", in_width),
        ("in_channels", depth_channels),
        ("pixel_stride", in_channels),
        ("out_height", out_height),
        ("out_width", out_width),
        ("out_channels", group_channels),
        ("out_stride", out_channels),
        ("kernel_height", kernel_height),
        ("kernel_width", kernel_width),
        ("stride_height", op.stride[0]),
        ("stride_width", op.stride[1]),
        ("pad_top", op.padding[0]),
        ("pad_left", op.padding[1]),
        ("quads", quads),
        ("weight_bits", op.weight_bits),
    ]
    groups = op.weight.reshape(op.groups, group_channels, depth)
    packed = [pack_channel_pairs(group, op.weight_bits) for group in groups]
    parameters = _grouped_parameters(layer, network, op.groups)
    even_channels = group_channels + group_channels % 2
    body = [
        f"  static const {structure('sqtvm_conv2d_shape', 'shape', shape)}",
        f"  static const {_requantization(op)}",
    ]
    if op.groups == 1:
        body.append("  sqtvm_conv2d(x0, c0, c1, y, scratch, shape, requantization);")
    else:
        body += [
            f"  for (int32_t group = 0; group < {op.groups}; ++group) {{",
            f"    sqtvm_conv2d(x0 + group * {depth_channels}, c0 + group * {len(packed[0])},",
            f"                 c1 + group * {4 + 2 * even_channels}, y + group * {group_channels},",
            "                 scratch, shape, requantization);",
            "  }",
        ]
    return definition(
        "conv2d",
        [*(value for _, value in shape), op.groups, op.left_shift, int(clips(op.clip))],
        body,
        headers=("sqtvm/conv2d.h",),
        inputs=1,
        constants=(np.concatenate(packed), parameters),
        scratch_bytes=quads * 16,
    )


def _grouped_parameters(
    layer: IntegerLayer, network: IntegerNetwork, groups: int
) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    """Every group has a head of its own before its channels."""
    source = network.quantization_of(layer.inputs[0])
    words = weighted_parameters(layer, source, 1)
    per_group = words[4:].reshape(groups, -1)
    channels = per_group.shape[1] // 2
    padding = np.zeros((groups, 2 * (channels % 2)), np.int32)
    heads = np.tile(words[:4], (groups, 1))
    return np.concatenate([heads, per_group, padding], axis=1).reshape(-1)


def _depthwise_call(layer: IntegerLayer, network: IntegerNetwork) -> KernelCall:
    op = layer.op
    assert isinstance(op, IntegerConv2d)
    in_height, in_width, channels = network.shape_of(layer.inputs[0])
    out_height, out_width, _ = layer.shape
    _, kernel_height, kernel_width, _ = op.weight.shape
    read_height = (out_height - 1) * op.stride[0] + kernel_height
    # The 3x3 kernel reads four values from an even column, for two outputs at stride 1.
    read_width = (out_width - 1) * op.stride[1] + max(kernel_width, 4) + out_width % 2
    plane_height = max(op.padding[0] + in_height, read_height)
    plane_width = max(op.padding[1] + in_width, read_width)
    plane_width += plane_width % 2
    shape: list[Field] = [
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
        ("plane_height", plane_height),
        ("plane_width", plane_width),
        ("weight_bits", op.weight_bits),
    ]
    taps = kernel_height * kernel_width
    return definition(
        "depthwise",
        [*(value for _, value in shape), op.left_shift, int(clips(op.clip))],
        [
            f"  static const {structure('sqtvm_depthwise_shape', 'shape', shape)}",
            f"  static const {_requantization(op)}",
            "  sqtvm_depthwise(x0, c0, c1, y, scratch, shape, requantization);",
        ],
        headers=("sqtvm/depthwise.h",),
        inputs=1,
        constants=(
            pack_taps(op.weight.reshape(channels, taps), op.weight_bits),
            weighted_parameters(layer, network.quantization_of(layer.inputs[0]), 1),
        ),
        scratch_bytes=2 * (plane_height * plane_width + taps),
    )


def linear_call(layer: IntegerLayer, network: IntegerNetwork) -> KernelCall:
    """A fully connected layer."""
    op = layer.op
    assert isinstance(op, IntegerLinear)
    out_features, in_features = op.weight.shape
    assert math.prod(network.shape_of(layer.inputs[0])) == in_features, layer.name
    quads = -(-in_features // 4)
    shape: list[Field] = [
        ("in_features", in_features),
        ("out_features", out_features),
        ("quads", quads),
        ("weight_bits", op.weight_bits),
    ]
    return definition(
        "linear",
        [*(value for _, value in shape), op.left_shift, int(clips(op.clip))],
        [
            f"  static const {structure('sqtvm_linear_shape', 'shape', shape)}",
            f"  static const {_requantization(op)}",
            "  sqtvm_linear(x0, c0, c1, y, scratch, shape, requantization);",
        ],
        headers=("sqtvm/linear.h",),
        inputs=1,
        constants=(
            pack_feature_fours(op.weight, op.weight_bits),
            weighted_parameters(layer, network.quantization_of(layer.inputs[0]), 4),
        ),
        scratch_bytes=quads * 8,
    )


def _requantization(op: IntegerConv2d | IntegerLinear) -> str:
    fields: list[Field] = [("left_shift", op.left_shift), ("clips", int(clips(op.clip)))]
    return structure("sqtvm_requantization", "requantization", fields)
