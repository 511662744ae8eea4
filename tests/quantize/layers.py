"""Hypothesis strategies: one integer layer of each operator, anywhere in what it may be."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from sqtvm.quantize import network as n

INPUTS = ("a", "b", "c")
Case = tuple[n.IntegerLayer, list[n.Int8Array], list[n.TensorQuantization]]

BYTES = st.integers(-128, 127)
QUANTIZATION = st.builds(n.TensorQuantization, st.floats(1e-4, 1.0), BYTES)
SEEDS = st.integers(0, 2**32 - 1)


@st.composite
def clips(draw: DrawFn) -> n.OutputRange:
    low, high = sorted(draw(st.one_of(st.just((-128, 127)), st.tuples(BYTES, BYTES))))
    return n.OutputRange(low, high)


@st.composite
def windows(draw: DrawFn) -> dict[str, tuple[int, ...]]:
    """Kernel, stride and padding; no padding reaches a kernel's extent, as torch demands."""
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    rows, columns = st.integers(0, kernel[0] - 1), st.integers(0, kernel[1] - 1)
    return {
        "kernel": kernel,
        "stride": draw(st.tuples(st.integers(1, 3), st.integers(1, 3))),
        "padding": draw(st.tuples(rows, columns, rows, columns)),
    }


def _extent(size: int, kernel: int, stride: int, before: int, after: int) -> int:
    return (size + before + after - kernel) // stride + 1


@st.composite
def _geometry(draw: DrawFn) -> tuple[dict[str, tuple[int, ...]], tuple[int, int], tuple[int, int]]:
    """A window, the height and width it slides over, and those it gives."""
    window = draw(windows())
    size = tuple(draw(st.integers(extent, extent + 4)) for extent in window["kernel"])
    top, left, bottom, right = window["padding"]
    (kernel_height, kernel_width), (down, across) = window["kernel"], window["stride"]
    height = _extent(size[0], kernel_height, down, top, bottom)
    width = _extent(size[1], kernel_width, across, left, right)
    return window, (size[0], size[1]), (height, width)


def _values(draw: DrawFn, shape: tuple[int, ...], low: int = -128, high: int = 127) -> n.Int8Array:
    """Random, or all at the ends of the range, where sums are largest."""
    random = np.random.default_rng(draw(SEEDS))
    choices = np.array(draw(st.sampled_from([[low], [high], [low, high], range(low, high + 1)])))
    return random.choice(choices, shape).astype(np.int8)


def _requantization(draw: DrawFn, bound: int, out: int) -> tuple[np.ndarray, int]:
    left_shift = draw(st.integers(0, min(31 - bound.bit_length(), 12)))
    random = np.random.default_rng(draw(SEEDS))
    # Most multipliers bring the sums near the range of int8, some are at the limits.
    near = int(min(2**31 - 1, 128 * 2**32 / (bound << left_shift) + 1))
    extremes = np.array([0, 1, near, 2**31 - 1, 1 - 2**31])
    drawn = random.integers(1, near + 1, out)
    return np.where(random.random(out) < 0.2, random.choice(extremes, out), drawn), left_shift


def _bias(draw: DrawFn, out: int) -> np.ndarray:
    largest = draw(st.sampled_from([0, 1000, 2**20, 2**24]))
    return np.random.default_rng(draw(SEEDS)).integers(-largest, largest + 1, out)


@st.composite
def convolutions(draw: DrawFn) -> Case:
    window, size, extent = draw(_geometry())
    groups = draw(st.integers(1, 3))
    depth, per_group = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    bits = draw(st.sampled_from([8, 4, 2]))
    half = 1 << (bits - 1)
    out = groups * per_group
    weight = _values(draw, (out, *window["kernel"], depth), -half, half - 1)
    bias = _bias(draw, out)
    bound = 255 * half * int(np.prod(weight.shape[1:])) + int(np.abs(bias).max())
    multiplier, left_shift = _requantization(draw, bound, out)
    op = n.IntegerConv2d(
        weight,
        bits,
        np.ones(out),
        bias.astype(np.int32),
        multiplier.astype(np.int32),
        left_shift,
        draw(clips()),
        window["stride"],
        window["padding"],
        groups,
    )
    x = _values(draw, (*size, groups * depth))
    layer = n.IntegerLayer("conv", op, ("a",), (*extent, out), draw(QUANTIZATION))
    return layer, [x], [draw(QUANTIZATION)]


@st.composite
def linears(draw: DrawFn) -> Case:
    features, out = draw(st.sampled_from([1, 3, 64, 700])), draw(st.integers(1, 4))
    bits = draw(st.sampled_from([8, 4, 2]))
    half = 1 << (bits - 1)
    bias = _bias(draw, out)
    multiplier, left_shift = _requantization(
        draw, 255 * half * features + int(np.abs(bias).max()), out
    )
    op = n.IntegerLinear(
        _values(draw, (out, features), -half, half - 1),
        bits,
        np.ones(out),
        bias.astype(np.int32),
        multiplier.astype(np.int32),
        left_shift,
        draw(clips()),
    )
    layer = n.IntegerLayer("linear", op, ("a",), (out,), draw(QUANTIZATION))
    return layer, [_values(draw, (features,))], [draw(QUANTIZATION)]


@st.composite
def pools(draw: DrawFn) -> Case:
    window, size, extent = draw(_geometry())
    channels = draw(st.integers(1, 5))
    source = draw(QUANTIZATION)
    op: n.IntegerOperator
    if draw(st.booleans()):
        bound = 255 * window["kernel"][0] * window["kernel"][1]
        multiplier, left_shift = _requantization(draw, bound, 1)
        op = n.IntegerAvgPool2d(
            **window, multiplier=int(multiplier[0]), left_shift=left_shift, clip=draw(clips())
        )
    else:
        op = n.IntegerMaxPool2d(**window, clip=draw(clips()))
    layer = n.IntegerLayer("pool", op, ("a",), (*extent, channels), draw(QUANTIZATION))
    return layer, [_values(draw, (*size, channels))], [source]


def shapes() -> SearchStrategy[tuple[int, ...]]:
    extent = st.integers(1, 5)
    return st.one_of(st.tuples(extent), st.tuples(extent, extent, extent))


@st.composite
def _rescalings(draw: DrawFn, inputs: int) -> tuple[list[int], int, int]:
    """Factors, an offset and a shift with which no sum can leave int32."""
    shift = draw(st.integers(0, 30))
    factors = [draw(st.integers(0, 2**15 - 1)) for _ in range(inputs)]
    offset = draw(st.integers(-(2**30), 2**30))
    return factors, offset, shift


@st.composite
def adds(draw: DrawFn) -> Case:
    shape = draw(shapes())
    factors, offset, shift = draw(_rescalings(2))
    op = n.IntegerAdd((factors[0], factors[1]), offset, shift, draw(clips()))
    layer = n.IntegerLayer("add", op, ("a", "b"), shape, draw(QUANTIZATION))
    return layer, [_values(draw, shape) for _ in "ab"], [draw(QUANTIZATION) for _ in "ab"]


@st.composite
def concats(draw: DrawFn) -> Case:
    shape = draw(shapes())
    inputs = draw(st.integers(1, 3))
    parts = [_values(draw, (*shape[:-1], draw(st.integers(1, 4)))) for _ in range(inputs)]
    rescalings: list[n.Rescaling | None] = []
    for _ in range(inputs):
        (factor,), offset, shift = draw(_rescalings(1))
        rescalings.append(draw(st.sampled_from([None, n.Rescaling(factor, offset, shift)])))
    op = n.IntegerConcat(tuple(rescalings), draw(clips()))
    channels = sum(part.shape[-1] for part in parts)
    quantization = draw(QUANTIZATION)
    layer = n.IntegerLayer("concat", op, INPUTS[:inputs], (*shape[:-1], channels), quantization)
    return layer, parts, [draw(QUANTIZATION) for _ in range(inputs)]


@st.composite
def unary(draw: DrawFn) -> Case:
    """Softmax, clamp and flatten."""
    shape = draw(shapes())
    op = draw(
        st.one_of(
            st.just(n.IntegerFlatten()),
            st.builds(n.IntegerClamp, clips()),
            st.builds(_softmax, st.floats(1e-4, 2.0)),
        )
    )
    output = (int(np.prod(shape)),) if isinstance(op, n.IntegerFlatten) else shape
    layer = n.IntegerLayer("unary", op, ("a",), output, draw(QUANTIZATION))
    return layer, [_values(draw, shape)], [draw(QUANTIZATION)]


def _softmax(scale: float) -> n.IntegerSoftmax:
    table = np.rint(65536 * np.exp(-np.arange(256) * scale)).astype(np.int32)
    return n.IntegerSoftmax(table)
