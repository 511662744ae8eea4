from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqtvm.errors import DataError
from sqtvm.frontend.graph import Clamp, Graph, Input
from sqtvm.quantize.calibration import CalibrationMethod, calibrate
from sqtvm.quantize.network import TensorQuantization
from tests.quantize.graphs import every_operator, node

METHODS = list(CalibrationMethod)


def input_only(features: int, activation: Clamp | None = None) -> Graph:
    return Graph((node("x", Input(), [], (features,), activation),))


def squared_error(quantization: TensorQuantization, x: np.ndarray) -> float:
    restored = quantization.dequantize(quantization.quantize(x)).astype(np.float64)
    return float(np.mean((restored - x) ** 2))


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(METHODS),
    st.floats(-100, 100),
    st.sampled_from([0.0, 1e-8, 1.0, 1e8]),
)
def test_ranges_contain_zero_and_scales_are_sane(
    seed: int, method: CalibrationMethod, middle: float, spread: float
) -> None:
    x = np.random.default_rng(seed).normal(middle, spread, (20, 5)).astype(np.float32)
    quantization = calibrate(input_only(5), x, method)["x"]
    assert quantization.scale > 0
    assert math.isfinite(quantization.scale)
    assert -128 <= quantization.zero_point <= 127
    assert quantization.dequantize(quantization.quantize(np.zeros(1)))[0] == 0


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["normal", "laplace", "standard_cauchy"]))
def test_least_squares_is_no_worse_than_spanning_everything(seed: int, law: str) -> None:
    x = getattr(np.random.default_rng(seed), law)(size=(500, 4)).astype(np.float32)
    spanning = calibrate(input_only(4), x, CalibrationMethod.MIN_MAX)["x"]
    fitted = calibrate(input_only(4), x, CalibrationMethod.MSE)["x"]
    assert squared_error(fitted, x) <= squared_error(spanning, x) * 1.01


def test_least_squares_clips_an_outlier_that_min_max_keeps() -> None:
    x = np.random.default_rng(0).normal(size=(8000, 50)).astype(np.float32)
    x[0, 0] = 8.0
    graph = input_only(50)
    spanning, percentile, fitted = (calibrate(graph, x, method)["x"] for method in METHODS)
    assert spanning.scale == pytest.approx((8.0 - float(x.min())) / 255)
    assert fitted.scale < 0.9 * spanning.scale
    assert percentile.scale < 0.9 * spanning.scale
    assert squared_error(fitted, x) < squared_error(spanning, x)


@pytest.mark.parametrize("method", [CalibrationMethod.MIN_MAX, CalibrationMethod.MSE])
def test_pixels_of_8_bits_are_kept_exactly(method: CalibrationMethod) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 49))
    pixels[:, 0], pixels[:, 1] = 0, 255
    x = (pixels / 255).astype(np.float32)
    quantization = calibrate(input_only(49), x, method)["x"]
    np.testing.assert_array_equal(quantization.quantize(x).astype(np.int64), pixels - 128)


@pytest.mark.parametrize("method", METHODS)
def test_ranges_follow_activations_and_selecting_nodes_keep_scales(
    method: CalibrationMethod,
) -> None:
    random = np.random.default_rng(0)
    graph = every_operator(random)
    chosen = calibrate(graph, random.normal(size=(40, 3, 6, 5)).astype(np.float32), method)

    assert set(chosen) == {node.name for node in graph.nodes}
    assert chosen["stem"].zero_point == -128
    assert chosen["depthwise"].scale <= 6.0 / 255 * (1 + 1e-6)
    assert chosen["pool"] == chosen["stem"]
    assert chosen["clamp"] == chosen["grouped"]
    assert chosen["flatten"] == chosen["average"]
    assert chosen["concat"].scale <= 2.0 / 255 * (1 + 1e-6)
    assert chosen["softmax"] == TensorQuantization(1 / 256, -128)


@pytest.mark.parametrize("method", METHODS)
def test_a_tensor_of_zeros_gets_a_usable_scale(method: CalibrationMethod) -> None:
    chosen = calibrate(input_only(3), np.zeros((5, 3), np.float32), method)["x"]
    assert 1e-3 < chosen.scale < 1


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((0, 3), np.float32), "no calibration samples"),
        (np.zeros((2, 4), np.float32), r"are \(4,\), the input is \(3,\)"),
        (np.full((2, 3), np.nan, np.float32), "not finite"),
    ],
)
def test_unusable_samples_are_refused(x: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        calibrate(input_only(3), x)


@settings(max_examples=100, deadline=None)
@given(
    st.floats(1e-6, 1e3),
    st.integers(-128, 127),
    st.lists(st.floats(-0.5, 0.5), min_size=1, max_size=20),
)
def test_quantize_and_dequantize_undo_each_other(
    scale: float, zero_point: int, fractions: list[float]
) -> None:
    quantization = TensorQuantization(scale, zero_point)
    every = np.arange(-128, 128, dtype=np.int8)
    restored = quantization.dequantize(every)
    np.testing.assert_array_equal(quantization.quantize(restored), every)

    real = (every[1:-1, None].astype(np.float64) - zero_point + np.array(fractions)) * scale
    error = np.abs(quantization.dequantize(quantization.quantize(real)) - real)
    assert error.max() <= scale * (0.5 + 1e-4)
    assert quantization.quantize(np.array([-1e9, 1e9])).tolist() == [-128, 127]
