"""The integer network once more, in Python's own integers, one output at a time.

Written from the docstring of ``sqtvm.quantize.network`` alone. Every sum that the docstring
promises to fit 32 bits is checked as it grows.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from sqtvm.quantize import network as n

Tensor = np.ndarray  # of Python integers, dtype object


def run(network: n.IntegerNetwork, x: n.Int8Array) -> dict[str, n.Int8Array]:
    """Every layer's output for one sample; x: int8 [height, width, channels] or [features]."""
    values = {network.input_name: _big(x)}
    zero_points = {network.input_name: network.input.zero_point}
    for layer in network.layers:
        inputs = [values[name] for name in layer.inputs]
        zeros = [zero_points[name] for name in layer.inputs]
        values[layer.name] = run_layer(layer, inputs, zeros)
        zero_points[layer.name] = layer.output.zero_point
    return {layer.name: values[layer.name].astype(np.int8) for layer in network.layers}


def run_layer(layer: n.IntegerLayer, inputs: list[Tensor], zero_points: list[int]) -> Tensor:
    op, x = layer.op, inputs[0]
    y = np.empty(layer.shape, object)
    name = layer.name
    if isinstance(op, n.IntegerConv2d):
        _check_weights(op, name)
        out_channels, _, _, depth = op.weight.shape
        for row, column, channel in np.ndindex(y.shape):
            group = channel // (out_channels // op.groups)
            products = (
                int(op.weight[channel, i, j, k])
                * (int(x[r, c, group * depth + k]) - zero_points[0])
                for (i, j), (r, c) in _window(op, x, row, column)
                for k in range(depth)
            )
            total = _sum(int(op.bias[channel]), products, name)
            y[row, column, channel] = _requantize(
                total, int(op.multiplier[channel]), op.left_shift, layer.output, op.clip, name
            )
    elif isinstance(op, n.IntegerLinear):
        _check_weights(op, name)
        for channel in range(len(op.weight)):
            products = (
                int(weight) * (int(value) - zero_points[0])
                for weight, value in zip(op.weight[channel], x, strict=True)
            )
            total = _sum(int(op.bias[channel]), products, name)
            y[channel] = _requantize(
                total, int(op.multiplier[channel]), op.left_shift, layer.output, op.clip, name
            )
    elif isinstance(op, n.IntegerAvgPool2d):
        for row, column, channel in np.ndindex(y.shape):
            window = _window(op, x, row, column)
            total = _sum(0, (int(x[r, c, channel]) - zero_points[0] for _, (r, c) in window), name)
            y[row, column, channel] = _requantize(
                total, op.multiplier, op.left_shift, layer.output, op.clip, name
            )
    elif isinstance(op, n.IntegerMaxPool2d):
        for row, column, channel in np.ndindex(y.shape):
            window = _window(op, x, row, column)
            largest = max([int(x[r, c, channel]) for _, (r, c) in window], default=-128)
            y[row, column, channel] = _clip(largest, op.clip)
    elif isinstance(op, n.IntegerAdd):
        for i in np.ndindex(y.shape):
            terms = [(int(v[i]), f) for v, f in zip(inputs, op.factors, strict=True)]
            y[i] = _clip(_rescale(terms, op.offset, op.shift, name), op.clip)
    elif isinstance(op, n.IntegerConcat):
        start = 0
        for value, rescaling in zip(inputs, op.rescalings, strict=True):
            for i in np.ndindex(value.shape):
                result = int(value[i])
                if rescaling is not None:
                    terms = [(result, rescaling.factor)]
                    result = _rescale(terms, rescaling.offset, rescaling.shift, name)
                y[(*i[:-1], start + i[-1])] = _clip(result, op.clip)
            start += value.shape[-1]
    elif isinstance(op, n.IntegerSoftmax):
        for i in np.ndindex(y.shape[:-1]):
            y[i] = _softmax([int(value) for value in x[i]], op, name)
    elif isinstance(op, n.IntegerFlatten):
        order = itertools.product(*(range(extent) for extent in _channels_first(x.shape)))
        for position, index in enumerate(order):
            y[position] = int(x[(*index[1:], index[0])] if len(index) == 3 else x[index])
    elif isinstance(op, n.IntegerClamp):
        for i in np.ndindex(y.shape):
            y[i] = _clip(int(x[i]), op.clip)
    else:
        raise TypeError(f"{name} is a {type(op).__name__}")
    return y


def _big(x: n.Int8Array) -> Tensor:
    return x.astype(object)


def _channels_first(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (shape[2], shape[0], shape[1]) if len(shape) == 3 else shape


def _window(
    op: n.IntegerConv2d | n.IntegerMaxPool2d | n.IntegerAvgPool2d, x: Tensor, row: int, column: int
) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """(position in the kernel, position in x) of what lies inside x."""
    height, width = op.weight.shape[1:3] if isinstance(op, n.IntegerConv2d) else op.kernel
    top, left, _, _ = op.padding
    for i, j in np.ndindex(height, width):
        r, c = row * op.stride[0] + i - top, column * op.stride[1] + j - left
        if 0 <= r < x.shape[0] and 0 <= c < x.shape[1]:
            yield (i, j), (r, c)


def _check_weights(op: n.IntegerConv2d | n.IntegerLinear, name: str) -> None:
    half = 2 ** (op.weight_bits - 1)
    assert -half <= op.weight.min(), f"{name}: weight below {op.weight_bits} bits"
    assert op.weight.max() < half, f"{name}: weight above {op.weight_bits} bits"


def _sum(start: int, terms: Iterator[int], name: str) -> int:
    total = start
    for term in terms:
        total += term
        assert -(2**31) <= total < 2**31, f"{name}: the sum leaves int32"
    return total


def _requantize(
    total: int,
    multiplier: int,
    left_shift: int,
    output: n.TensorQuantization,
    clip: n.OutputRange,
    name: str,
) -> int:
    assert abs(multiplier) < 2**31, f"{name}: multiplier {multiplier}"
    shifted = total << left_shift
    assert -(2**31) <= shifted < 2**31, f"{name}: the shifted sum leaves int32"
    return _clip((shifted * multiplier + 2**31 >> 32) + output.zero_point, clip)


def _rescale(terms: list[tuple[int, int]], offset: int, shift: int, name: str) -> int:
    assert all(-(2**15) <= factor < 2**15 for _, factor in terms), f"{name}: factor beyond int16"
    assert 0 <= shift <= 30, f"{name}: shift {shift}"
    for order in itertools.permutations([*(value * factor for value, factor in terms), offset]):
        _sum(0, iter(order), name)
    return sum(value * factor for value, factor in terms) + offset >> shift


def _softmax(x: list[int], op: n.IntegerSoftmax, name: str) -> list[int]:
    exponential = [int(op.table[max(x) - value]) for value in x]
    total = _sum(0, iter(exponential), name)
    return [min(((e << 8) + total // 2) // total, 255) - 128 for e in exponential]


def _clip(value: int, clip: n.OutputRange) -> int:
    return min(max(value, clip.low), clip.high)
