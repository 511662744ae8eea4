"""The integer network run on the host: the bytes that firmware must give.

Convolutions and products run in floating point, in the width that proves every partial sum
exact: float32 where ``sum|w| * 255 + |bias|`` stays below 2^24, float64 (2^53) otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as functional
from numpy.typing import NDArray
from torch import Tensor

from sqtvm.quantize.network import (
    Int8Array,
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
    OutputRange,
    Rescaling,
    TensorQuantization,
)

_BATCH_ELEMENTS = 1 << 20


def run_integer(network: IntegerNetwork, x: Int8Array) -> Int8Array:
    """The network's exact output.

    x: int8 [batch, height, width, channels] or [batch, features]; the result is int8
    [batch, *output shape].
    """
    outputs = [
        values[network.output.name].numpy() for values in _run_batches(network, x, keep_all=False)
    ]
    if not outputs:
        return np.zeros((0, *network.output.shape), np.int8)
    return np.concatenate(outputs)


def run_integer_layers(network: IntegerNetwork, x: Int8Array) -> Mapping[str, Int8Array]:
    """Every layer's exact output, int8 [batch, *shape of the layer], by layer name."""
    batches = list(_run_batches(network, x, keep_all=True))
    return {
        layer.name: np.concatenate([values[layer.name].numpy() for values in batches])
        for layer in network.layers
    }


def run_layer(
    layer: IntegerLayer, inputs: Sequence[Tensor], quantizations: Sequence[TensorQuantization]
) -> Tensor:
    """One layer's exact output.

    inputs: int8 [batch, *shape], channels last, with the quantization of each.
    """
    op, x = layer.op, inputs[0]
    if isinstance(op, IntegerConv2d | IntegerLinear):
        return _weighted(op, x, quantizations[0].zero_point, layer.output.zero_point)
    if isinstance(op, IntegerAvgPool2d):
        return _average(op, x, quantizations[0].zero_point, layer.output.zero_point)
    if isinstance(op, IntegerAdd):
        total = sum(
            (
                value.to(torch.int32) * factor
                for value, factor in zip(inputs, op.factors, strict=True)
            ),
            torch.tensor(op.offset, dtype=torch.int32),
        )
        return _clip(total >> op.shift, op.clip)
    if isinstance(op, IntegerMaxPool2d):
        padded = _pad(_channels_first(x.to(torch.float32)), op.padding, -128.0)
        return _clip(_channels_last(functional.max_pool2d(padded, op.kernel, op.stride)), op.clip)
    if isinstance(op, IntegerFlatten):
        return (_channels_first(x) if x.dim() == 4 else x).flatten(1)
    if isinstance(op, IntegerConcat):
        parts = [
            _rescale(value, rescaling)
            for value, rescaling in zip(inputs, op.rescalings, strict=True)
        ]
        return _clip(torch.cat(parts, dim=-1), op.clip)
    if isinstance(op, IntegerSoftmax):
        return _softmax(op, x)
    if isinstance(op, IntegerClamp):
        return _clip(x, op.clip)
    raise AssertionError(f"no integer rule for {type(op).__name__}")


def _run_batches(
    network: IntegerNetwork, x: Int8Array, keep_all: bool
) -> Iterator[dict[str, Tensor]]:
    last_use = {name: i for i, layer in enumerate(network.layers) for name in layer.inputs}
    widest = max(int(np.prod(layer.shape)) for layer in network.layers)
    size = max(1, min(256, _BATCH_ELEMENTS // widest))
    quantizations = {network.input_name: network.input}
    quantizations |= {layer.name: layer.output for layer in network.layers}
    for start in range(0, len(x), size):
        batch = np.ascontiguousarray(x[start : start + size])
        values = {network.input_name: torch.from_numpy(batch)}
        for i, layer in enumerate(network.layers):
            values[layer.name] = run_layer(
                layer,
                [values[name] for name in layer.inputs],
                [quantizations[name] for name in layer.inputs],
            )
            for name in set(layer.inputs):
                if not keep_all and last_use[name] == i:
                    del values[name]
        yield values


def _weighted(
    op: IntegerConv2d | IntegerLinear, x: Tensor, input_zero: int, output_zero: int
) -> Tensor:
    magnitude = np.abs(op.weight.reshape(len(op.weight), -1).astype(np.int64)).sum(axis=1) * 255
    bound = magnitude + np.abs(op.bias.astype(np.int64))
    exact = torch.float32 if int(bound.max()) < 1 << 24 else torch.float64
    weight = torch.from_numpy(op.weight).to(exact)
    bias = torch.from_numpy(op.bias).to(exact)
    if isinstance(op, IntegerLinear):
        accumulated = functional.linear(_centred(x, input_zero, exact), weight, bias)
    else:
        padded = _channels_first(_centred(x, input_zero, exact, op.padding))
        convolved = functional.conv2d(
            padded, _channels_first(weight), bias, stride=op.stride, groups=op.groups
        )
        accumulated = _channels_last(convolved)
    multiplier = op.multiplier.astype(np.int64)
    return _requantize(accumulated, bound, multiplier, op.left_shift, output_zero, op.clip)


def _average(op: IntegerAvgPool2d, x: Tensor, input_zero: int, output_zero: int) -> Tensor:
    padded = _channels_first(_centred(x, input_zero, torch.float64, op.padding))
    total = functional.avg_pool2d(padded, op.kernel, op.stride, divisor_override=1)
    bound, multiplier = np.array([255 * math.prod(op.kernel)]), np.array([op.multiplier])
    return _requantize(
        _channels_last(total), bound, multiplier, op.left_shift, output_zero, op.clip
    )


def _centred(
    x: Tensor, zero: int, exact: torch.dtype, padding: tuple[int, int, int, int] = (0, 0, 0, 0)
) -> Tensor:
    """x less its zero point, in a floating type, with zeros around it."""
    if not any(padding):
        return x.to(exact).sub_(zero)
    top, left, bottom, right = padding
    batch, height, width, channels = x.shape
    padded = torch.zeros(
        (batch, top + height + bottom, left + width + right, channels), dtype=exact
    )
    inside = padded[:, top : top + height, left : left + width]
    inside.copy_(x)
    inside.sub_(zero)
    return padded


def _requantize(
    accumulated: Tensor,
    bound: NDArray[np.int64],
    multiplier: NDArray[np.int64],
    left_shift: int,
    zero_point: int,
    clip: OutputRange,
) -> Tensor:
    """accumulated: whole numbers in a floating type, channels last, at most ``bound`` a channel.

    In float64 where products and what is added to them stay below 2^53, so that all is exact and
    a floor is the shift; such passes take a tenth of the time of int64.
    """
    factor = multiplier << left_shift
    if int(np.abs(bound * factor).max()) + (1 << 41) < 1 << 53:
        real = accumulated.double() if accumulated.dtype != torch.float64 else accumulated
        real *= torch.from_numpy(factor * 2.0**-32)
        real += 0.5 + zero_point
        return real.floor_().clamp_(clip.low, clip.high).to(torch.int8)
    wide = accumulated.to(torch.int64)
    wide *= torch.from_numpy(factor)
    wide += 1 << 31
    wide >>= 32
    wide += zero_point
    return _clip(wide, clip)


def _clip(x: Tensor, clip: OutputRange) -> Tensor:
    return x.clamp(clip.low, clip.high).to(torch.int8)


def _rescale(x: Tensor, rescaling: Rescaling | None) -> Tensor:
    wide = x.to(torch.int32)
    if rescaling is None:
        return wide
    return (wide * rescaling.factor + rescaling.offset) >> rescaling.shift


def _softmax(op: IntegerSoftmax, x: Tensor) -> Tensor:
    wide = x.to(torch.int64)
    difference = wide.amax(dim=-1, keepdim=True) - wide
    exponential = torch.from_numpy(op.table.astype(np.int64))[difference]
    total = exponential.sum(dim=-1, keepdim=True)
    quotient = ((exponential << 8) + total // 2) // total
    return (quotient.clamp(max=255) - 128).to(torch.int8)


def _pad(x: Tensor, padding: tuple[int, int, int, int], value: float) -> Tensor:
    top, left, bottom, right = padding
    if not any(padding):
        return x
    return functional.pad(x, (left, right, top, bottom), value=value)


def _channels_first(x: Tensor) -> Tensor:
    return x.permute(0, 3, 1, 2)


def _channels_last(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1)
