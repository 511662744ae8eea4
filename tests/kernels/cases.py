"""Layers on which the kernels' fast paths differ, in a fixed set."""

from __future__ import annotations

import dataclasses

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from sqtvm.quantize import network as n
from tests.quantize.layers import Case

BITS = (8, 4, 2)
_FULL = n.OutputRange()
_RELU6 = n.OutputRange(-100, 90)


def convolution(
    seed: int,
    bits: int,
    size: tuple[int, int, int],
    out: int,
    kernel: tuple[int, int],
    stride: int = 1,
    padding: tuple[int, int, int, int] = (0, 0, 0, 0),
    groups: int = 1,
    clip: n.OutputRange = _FULL,
    symmetric: bool = False,
) -> Case:
    """symmetric: weights without the one that has no positive counterpart."""
    random = np.random.default_rng(seed)
    height, width, channels = size
    half = 1 << (bits - 1)
    shape = (out, *kernel, channels // groups)
    weight = random.integers(-half + symmetric, half, shape).astype(np.int8)
    spread = np.sqrt(np.prod(shape[1:])) * 74 * half / 2
    multiplier = random.uniform(20, 60, out) / spread * 2**32
    op = n.IntegerConv2d(
        weight,
        bits,
        np.ones(out),
        random.integers(-2000, 2000, out).astype(np.int32),
        np.minimum(multiplier, 2**31 - 1).astype(np.int32),
        0,
        clip,
        (stride, stride),
        padding,
        groups,
    )
    top, left, bottom, right = padding
    extent = (
        (height + top + bottom - kernel[0]) // stride + 1,
        (width + left + right - kernel[1]) // stride + 1,
    )
    x = random.integers(-128, 128, size).astype(np.int8)
    layer = n.IntegerLayer("conv", op, ("a",), (*extent, out), n.TensorQuantization(0.1, -7))
    return layer, [x], [n.TensorQuantization(0.05, 11)]


def linear(seed: int, bits: int, features: int, out: int) -> Case:
    conv, inputs, quantizations = convolution(seed, bits, (1, 1, features), out, (1, 1))
    op = conv.op
    assert isinstance(op, n.IntegerConv2d)
    flat = n.IntegerLinear(
        op.weight.reshape(out, features),
        bits,
        op.weight_scale,
        op.bias,
        op.multiplier,
        0,
        op.clip,
    )
    layer = n.IntegerLayer("linear", flat, ("a",), (out,), conv.output)
    return layer, [inputs[0].reshape(-1)], quantizations


def depthwise_cases(seed: int, bits: int) -> list[Case]:
    """Each kernel and stride by: odd and even extents, one strip and several, channels that are
    and are not whole fours, paddings that differ, outputs that are one row or one column."""
    one, two, end = (1, 1, 1, 1), (2, 2, 2, 2), (0, 0, 1, 1)
    drawn: list[tuple[tuple[int, int, int], int, int, tuple[int, int, int, int], n.OutputRange]] = [
        ((7, 9, 8), 3, 1, one, _FULL),
        ((6, 6, 4), 3, 1, one, _RELU6),
        ((3, 3, 8), 3, 1, one, _FULL),
        ((15, 5, 4), 3, 1, one, _FULL),
        ((14, 3, 6), 3, 1, (2, 0, 2, 1), _FULL),
        ((3, 3, 4), 3, 1, (0, 0, 0, 0), _FULL),
        ((1, 4, 5), 3, 1, one, _RELU6),
        ((8, 7, 8), 3, 2, end, _RELU6),
        ((6, 6, 5), 3, 2, one, _FULL),
        ((6, 6, 4), 3, 2, one, _FULL),
        ((17, 8, 3), 3, 2, one, _FULL),
        ((9, 21, 3), 3, 2, one, _FULL),
        ((3, 19, 5), 3, 2, (1, 0, 1, 1), _RELU6),
        ((6, 20, 2), 3, 2, (0, 1, 1, 0), _FULL),
        ((8, 8, 4), 3, 2, (2, 1, 0, 1), _FULL),
        ((7, 7, 4), 5, 1, two, _FULL),
        ((13, 6, 6), 5, 1, (1, 2, 2, 0), _RELU6),
        ((12, 9, 5), 5, 2, two, _FULL),
        ((5, 6, 2), 5, 2, (2, 1, 1, 2), _RELU6),
    ]
    cases = [
        convolution(seed, bits, size, size[-1], (kernel, kernel), stride, padding, size[-1], clip)
        for size, kernel, stride, padding, clip in drawn
    ]
    return cases + [_shifted(cases[at]) for at in (0, 8)]


def _shifted(case: Case) -> Case:
    layer, inputs, quantizations = case
    assert isinstance(layer.op, n.IntegerConv2d)
    op = dataclasses.replace(layer.op, left_shift=2)
    return dataclasses.replace(layer, op=op), inputs, quantizations


@st.composite
def depthwises(draw: DrawFn) -> Case:
    """A square depthwise layer of any extents and values, those at the ends of the range too."""
    kernel, stride = draw(st.sampled_from([3, 5])), draw(st.sampled_from([1, 2]))
    height, width = draw(st.integers(kernel, 15)), draw(st.integers(kernel, 23))
    channels, bits = draw(st.integers(1, 9)), draw(st.sampled_from(BITS))
    sides = st.integers(0, kernel - 1)
    padding = draw(st.tuples(sides, sides, sides, sides))
    layer, inputs, quantizations = convolution(
        draw(st.integers(0, 2**32 - 1)),
        bits,
        (height, width, channels),
        channels,
        (kernel, kernel),
        stride,
        padding,
        channels,
        draw(st.sampled_from([_FULL, _RELU6])),
    )
    op = layer.op
    assert isinstance(op, n.IntegerConv2d)
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    extreme = draw(st.sampled_from([None, low, high]))
    weight = op.weight if extreme is None else np.full_like(op.weight, extreme)
    end = draw(st.sampled_from([None, -128, 127]))
    x = inputs[0] if end is None else np.full_like(inputs[0], end)
    shift = draw(st.sampled_from([0, 0, 3]))
    op = dataclasses.replace(op, weight=weight, left_shift=shift)
    return dataclasses.replace(layer, op=op), [x], quantizations


@st.composite
def foldables(draw: DrawFn) -> Case:
    """A convolution of channels in fours, single rows and columns of outputs among them."""
    bits = draw(st.sampled_from(BITS))
    kernel = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    size = (
        draw(st.integers(kernel[0], 6)),
        draw(st.integers(kernel[1], 7)),
        draw(st.integers(1, 20)),
    )
    vertical, horizontal = st.integers(0, kernel[0] - 1), st.integers(0, kernel[1] - 1)
    return convolution(
        draw(st.integers(0, 2**32 - 1)),
        bits,
        size,
        4 * draw(st.integers(1, 4)),
        kernel,
        draw(st.sampled_from([1, 2])),
        draw(st.tuples(vertical, horizontal, vertical, horizontal)),
        clip=draw(st.sampled_from([_FULL, _RELU6])),
        symmetric=bits == 8,
    )


def foldable_cases(seed: int, bits: int) -> list[Case]:
    """Channels in fours, with weights as the quantizer gives them: odd and even positions and
    quads, shifts and clips, weights at the ends of their range."""
    same = (1, 1, 1, 1)
    drawn: list[tuple[tuple[int, int, int], int, int, int, n.OutputRange]] = [
        ((5, 5, 4), 4, 1, 1, _FULL),
        ((4, 4, 8), 16, 1, 1, _RELU6),
        ((3, 3, 20), 8, 1, 1, _FULL),
        ((4, 3, 64), 64, 1, 1, _FULL),
        ((1, 1, 12), 8, 1, 1, _FULL),
        ((9, 7, 1), 8, 3, 1, _RELU6),
        ((8, 8, 3), 8, 3, 2, _FULL),
        ((5, 5, 16), 12, 3, 1, _FULL),
        ((6, 5, 36), 8, 3, 2, _RELU6),
        ((9, 8, 1), 8, 3, 1, _FULL),
        ((7, 6, 3), 4, 3, 1, _FULL),
    ]
    cases = []
    for size, out, kernel, stride, clip in drawn:
        padding = same if kernel == 3 else (0, 0, 0, 0)
        extents = (kernel, kernel)
        cases.append(
            convolution(seed, bits, size, out, extents, stride, padding, 1, clip, symmetric=True)
        )
    # Few weights with a shift for which bytes have room.
    few, values, quantizations = cases[1]
    assert isinstance(few.op, n.IntegerConv2d)
    shifted = dataclasses.replace(few.op, left_shift=1)
    cases.append((dataclasses.replace(few, op=shifted), values, quantizations))
    cases.append(convolution(seed, bits, (5, 4, 12), 24, (3, 3), 1, same, 3, symmetric=True))
    # A single row of an odd width.
    cases.append(convolution(seed, bits, (1, 5, 8), 4, (1, 3), 1, (0, 1, 0, 1), symmetric=True))
    layer, inputs, quantizations = cases[3]
    op = layer.op
    assert isinstance(op, n.IntegerConv2d)
    largest = (1 << (bits - 1)) - 1
    lowest = -largest - (bits < 8)
    for weight, x in ((largest, 127), (lowest, -128), (lowest, 127), (largest, -128)):
        extreme = dataclasses.replace(op, weight=np.full_like(op.weight, weight), left_shift=2)
        filled = [np.full_like(inputs[0], x)]
        cases.append((dataclasses.replace(layer, op=extreme), filled, quantizations))
    return cases


def fixed_cases() -> list[Case]:
    """Every bits by: first layers, odd sizes, every loop's remainder, strides, groups."""
    same = (1, 1, 1, 1)
    cases = []
    for seed, bits in enumerate(BITS):
        cases += [
            convolution(seed, bits, (9, 7, 1), 6, (3, 3), 1, same),
            convolution(seed, bits, (8, 8, 3), 7, (3, 3), 2, (0, 0, 1, 1), clip=_RELU6),
            convolution(seed, bits, (6, 5, 16), 16, (3, 3), 1, same),
            convolution(seed, bits, (5, 5, 20), 9, (3, 3), 1, same, clip=_RELU6),
            convolution(seed, bits, (4, 4, 8), 16, (1, 1)),
            convolution(seed, bits, (4, 3, 64), 64, (1, 1)),
            convolution(seed, bits, (7, 6, 6), 5, (4, 10), 2, (1, 4, 2, 5)),
            convolution(seed, bits, (5, 4, 12), 18, (3, 3), 1, same, groups=3),
            *foldable_cases(seed, bits),
            *depthwise_cases(seed, bits),
            linear(seed, bits, 64, 10),
            linear(seed, bits, 37, 3),
            linear(seed, bits, 160, 20),
            linear(seed, bits, 26, 6),
            linear(seed, bits, 31, 5),
            linear(seed, bits, 3, 8),
        ]
    return cases
