"""Convolutions and fully connected layers as kernel calls."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from sqtvm.compile.kernel_call import KernelCall, KernelStyle, Overlap
from sqtvm.compile.layouts.depthwise import depthwise_call
from sqtvm.compile.layouts.folding import can_fold, pack_channel_fours, round_quads
from sqtvm.compile.layouts.overlap import convolution_lead
from sqtvm.compile.layouts.packing import (
    pack_channel_pairs,
    pack_feature_fours,
    padded_quads,
)
from sqtvm.compile.layouts.parameters import requantization, weighted_parameters
from sqtvm.compile.layouts.source import Field, Structure, definition
from sqtvm.quantize.network import (
    Int8Array,
    IntegerConv2d,
    IntegerLayer,
    IntegerLinear,
    IntegerNetwork,
)

_FEW_WEIGHTS = 512


def conv2d_call(layer: IntegerLayer, network: IntegerNetwork, style: KernelStyle) -> KernelCall:
    """A convolution of any kind."""
    op = layer.op
    assert isinstance(op, IntegerConv2d)
    in_channels = network.shape_of(layer.inputs[0])[-1]
    if op.groups > 1 and op.groups == in_channels == layer.shape[-1]:
        return depthwise_call(layer, network, style)
    return _grouped_call(layer, network, style)


def _grouped_call(layer: IntegerLayer, network: IntegerNetwork, style: KernelStyle) -> KernelCall:
    assert isinstance(layer.op, IntegerConv2d)
    op = _shifted(layer.op, _stored_bits(layer.op, style))
    layer = dataclasses.replace(layer, op=op)
    in_height, in_width, in_channels = network.shape_of(layer.inputs[0])
    out_height, out_width, out_channels = layer.shape
    _, kernel_height, kernel_width, depth_channels = op.weight.shape
    depth = kernel_height * kernel_width * depth_channels
    stored_bits = _stored_bits(op, style)
    group_channels = out_channels // op.groups
    groups = _kernel_rows_then_tails(op.weight).reshape(op.groups, group_channels, depth)
    block = 4 if style.in_fours(stored_bits) and can_fold(groups, stored_bits) else 2
    quads = padded_quads(depth, stored_bits) if block == 2 else -(-depth // 4)
    shape: tuple[Field, ...] = (
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
        ("weight_bits", stored_bits),
        ("channel_block", block),
        ("round_quads", round_quads(groups, stored_bits) if block == 4 else 0),
    )
    pack = pack_channel_fours if block == 4 else pack_channel_pairs
    packed = [pack(group, stored_bits) for group in groups]
    parameters = _grouped_parameters(layer, network, op.groups, block)
    structures = [
        Structure("sqtvm_conv2d_shape", "shape", shape),
        requantization(op),
    ]
    if op.groups == 1:
        body = ["  sqtvm_conv2d(x0, c0, c1, y, scratch, &shape, requantization);"]
    else:
        groups_fields = (
            ("count", op.groups),
            ("weight_bytes", len(packed[0])),
            ("parameter_words", len(parameters) // op.groups),
        )
        structures.append(Structure("sqtvm_groups", "groups", groups_fields))
        body = ["  sqtvm_grouped_conv2d(x0, c0, c1, y, scratch, &shape, groups, requantization);"]
    return definition(
        "conv2d" if op.groups == 1 else "grouped_conv2d",
        structures,
        body,
        style,
        headers=("sqtvm/conv2d.h",),
        inputs=1,
        constants=(np.concatenate(packed), parameters),
        scratch_bytes=_conv2d_scratch(dict(shape)),
        overlaps=(_conv2d_overlap(layer, network, _positions(block)),),
        weight_bits=op.weight_bits,
    )


def _stored_bits(op: IntegerConv2d, style: KernelStyle) -> int:
    """Few weights are stored as bytes by fast kernels: fewer bits would spare less flash than the
    sums of activations cost time."""
    few = op.weight.size <= _FEW_WEIGHTS and style is not KernelStyle.COMPACT
    return 8 if few else op.weight_bits


def _shifted(op: IntegerConv2d, stored_bits: int) -> IntegerConv2d:
    """The same layer without its left shift, where what weights are stored in has room for it."""
    factor = 1 << op.left_shift
    largest = int(np.abs(op.weight.astype(np.int32)).max(initial=0)) * factor
    if largest >= 1 << (stored_bits - 1):
        return op
    bias = (op.bias.astype(np.int64) * factor).astype(np.int32)
    weight = (op.weight.astype(np.int32) * factor).astype(np.int8)
    return dataclasses.replace(op, weight=weight, bias=bias, left_shift=0)


def _kernel_rows_then_tails(weight: Int8Array) -> Int8Array:
    """int8 [out_channels, depth] in the order of a column: the whole quads of every kernel row,
    then what the rows leave over."""
    out_channels, kernel_height = weight.shape[:2]
    rows = weight.reshape(out_channels, kernel_height, -1)
    whole = rows.shape[2] // 4 * 4
    parts = [part.reshape(out_channels, -1) for part in (rows[..., :whole], rows[..., whole:])]
    return np.concatenate(parts, axis=1)


def _positions(channel_block: int) -> int:
    """Output positions that conv2d.h makes at a time."""
    return 2 if channel_block == 4 else 3


def _conv2d_overlap(layer: IntegerLayer, network: IntegerNetwork, positions: int) -> Overlap | None:
    op = layer.op
    assert isinstance(op, IntegerConv2d)
    if op.groups > 1:
        return None
    source = network.shape_of(layer.inputs[0])
    pointwise = op.weight.shape[1:3] == (1, 1) and source[:2] == layer.shape[:2]
    return Overlap(
        convolution_lead(
            source,
            layer.shape,
            top=op.padding[0],
            stride=op.stride[0],
            pointwise=pointwise,
            tile=positions,
        )
    )


def _conv2d_scratch(shape: dict[str, int]) -> int:
    """Bytes of what conv2d.h works in: columns, kernel rows, tails and, below 8 bits, sums."""
    run = shape["kernel_width"] * shape["in_channels"]
    tails = -(-shape["kernel_height"] * (run % 4) // 4) * 4
    scratch = shape["quads"] * 8 * _positions(shape["channel_block"]) + run * 4 + tails * 3
    overlap = shape["kernel_height"] * shape["kernel_width"]
    if (
        shape["weight_bits"] < 8
        and shape["in_channels"] == shape["pixel_stride"]
        and shape["in_channels"] % 4 == 0
        and shape["kernel_width"] >= shape["stride_width"]
        and overlap > 2 * shape["stride_height"] * shape["stride_width"]
    ):
        length = (shape["out_width"] - 1) * shape["stride_width"] + shape["kernel_width"]
        scratch += (length + (shape["kernel_height"] + 1) * shape["out_width"]) * 4
    return scratch


def _grouped_parameters(
    layer: IntegerLayer, network: IntegerNetwork, groups: int, block: int
) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    """Every group has a head of its own before its channels, of which `block` have their biases
    and then their multipliers side by side."""
    source = network.quantization_of(layer.inputs[0])
    words = weighted_parameters(layer, source, 1)
    per_group = words[4:].reshape(groups, -1)
    channels = per_group.shape[1] // 2
    padding = np.zeros((groups, 2 * (-channels % block)), np.int32)
    heads = np.tile(words[:4], (groups, 1))
    whole = np.concatenate([per_group, padding], axis=1)
    blocks = whole.reshape(groups, -1, block, 2).transpose(0, 1, 3, 2).reshape(groups, -1)
    return np.concatenate([heads, blocks], axis=1).reshape(-1)


def linear_call(layer: IntegerLayer, network: IntegerNetwork, style: KernelStyle) -> KernelCall:
    """A fully connected layer."""
    op = layer.op
    assert isinstance(op, IntegerLinear)
    out_features, in_features = op.weight.shape
    assert math.prod(network.shape_of(layer.inputs[0])) == in_features, layer.name
    quads = -(-in_features // 4)
    shape: tuple[Field, ...] = (
        ("in_features", in_features),
        ("out_features", out_features),
        ("quads", quads),
        ("weight_bits", op.weight_bits),
    )
    return definition(
        "linear",
        [Structure("sqtvm_linear_shape", "shape", shape), requantization(op)],
        ["  sqtvm_linear(x0, c0, c1, y, scratch, shape, requantization);"],
        style,
        headers=("sqtvm/linear.h",),
        inputs=1,
        constants=(
            pack_feature_fours(op.weight, op.weight_bits),
            _feature_parameters(layer, network),
        ),
        scratch_bytes=quads * 8,
        # The whole input is expanded before the first feature is written.
        overlaps=(Overlap(-in_features),),
        weight_bits=op.weight_bits,
    )


def _feature_parameters(
    layer: IntegerLayer, network: IntegerNetwork
) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    """Biases and multipliers of four features side by side, so that one LDM brings either."""
    words = weighted_parameters(layer, network.quantization_of(layer.inputs[0]), 4)
    fours = words[4:].reshape(-1, 4, 2).transpose(0, 2, 1)
    return np.concatenate([words[:4], fours.reshape(-1)])
