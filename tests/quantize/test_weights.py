from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqtvm.frontend.graph import Conv2d, Input, Linear
from sqtvm.quantize.scheme import weight_bytes, weight_range
from sqtvm.quantize.weights import quantize_weights
from tests.quantize.graphs import node

BITS = [8, 4, 2]


def squared_error(weight: np.ndarray, integers: np.ndarray, scale: np.ndarray) -> np.ndarray:
    shape = (-1, *(1,) * (weight.ndim - 1))
    difference = weight - integers * scale.reshape(shape)
    return (difference.reshape(len(weight), -1) ** 2).sum(axis=1)


@settings(max_examples=100, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(BITS),
    st.sampled_from([(1, 1), (3, 7), (4, 3, 3, 3), (8, 1, 5, 5), (2, 400)]),
    st.sampled_from([1e-25, 1e-6, 1.0, 1e6]),
    st.sampled_from(["normal", "laplace", "uniform"]),
)
def test_no_worse_than_spanning_the_largest_weight(
    seed: int, bits: int, shape: tuple[int, ...], spread: float, law: str
) -> None:
    random = np.random.default_rng(seed)
    weight = (getattr(random, law)(size=shape) * spread).astype(np.float32)
    low, high = weight_range(bits)

    integers, scale = quantize_weights(weight, bits)

    assert integers.dtype == np.int8
    assert integers.shape == shape
    assert integers.min() >= low
    assert integers.max() <= high
    assert scale.dtype == np.float64
    assert (scale != 0).all()
    naive = np.abs(weight.reshape(len(weight), -1)).max(axis=1).astype(np.float64) / high
    rounded = np.rint(weight / naive.reshape(-1, *(1,) * (weight.ndim - 1)))
    allowed = squared_error(weight, rounded, naive) * (1 + 1e-4)
    tiny = (spread * 1e-6) ** 2 * weight[0].size
    assert (squared_error(weight, integers, scale) <= allowed + tiny).all()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(BITS), st.floats(1e-4, 10))
def test_weights_on_a_grid_keep_it(seed: int, bits: int, step: float) -> None:
    low, high = weight_range(bits)
    random = np.random.default_rng(seed)
    grid = random.integers(low, high + 1, (4, 30))
    grid[:, 0] = low
    weight = (grid * step).astype(np.float32)

    integers, scale = quantize_weights(weight, bits)

    np.testing.assert_array_equal(integers, grid)
    np.testing.assert_allclose(scale, step, rtol=1e-5)


@pytest.mark.parametrize("bits", [4, 2])
def test_a_long_positive_tail_turns_the_scale_around(bits: int) -> None:
    low, _ = weight_range(bits)
    grid = np.arange(low, -low)[None]
    weight = (-0.25 * grid).astype(np.float32)
    integers, scale = quantize_weights(weight, bits)
    np.testing.assert_array_equal(integers, grid)
    np.testing.assert_allclose(scale, -0.25, rtol=1e-6)


@pytest.mark.parametrize("bits", BITS)
def test_channels_of_zeros_are_safe(bits: int) -> None:
    weight = np.zeros((3, 4), np.float32)
    weight[1] = [0.5, -1.0, 0.25, 1.0]
    integers, scale = quantize_weights(weight, bits)
    assert not integers[[0, 2]].any()
    assert integers[1].any()
    assert scale[0] == scale[2] == abs(scale[1])

    integers, scale = quantize_weights(np.zeros((2, 3), np.float32), bits)
    assert not integers.any()
    assert np.isfinite(scale).all()
    assert (scale > 0).all()


@pytest.mark.parametrize("bits", BITS)
def test_a_large_layer_takes_less_than_50_ms(bits: int) -> None:
    weight = np.random.default_rng(0).normal(size=(256, 256)).astype(np.float32)
    durations = []
    for _ in range(7):
        start = time.perf_counter()
        quantize_weights(weight, bits)
        durations.append(time.perf_counter() - start)
    assert min(durations) < 0.05, f"{min(durations) * 1000:.0f} ms for 65,536 weights"


def test_packed_bytes_are_rounded_up() -> None:
    op = Conv2d(np.zeros((3, 1, 3, 1), np.float32), np.zeros(3, np.float32), (1, 1), (0,) * 4, 1)
    conv = node("conv", op, ["x"], (3, 1, 1))
    assert [weight_bytes(conv, bits) for bits in BITS] == [9, 5, 3]
    dense = node("dense", Linear(np.zeros((2, 8), np.float32), np.zeros(2, np.float32)), [], (2,))
    assert [weight_bytes(dense, bits) for bits in BITS] == [16, 8, 4]
    assert weight_bytes(node("x", Input(), [], (2,)), 8) == 0
