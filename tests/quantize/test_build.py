from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings

from sqtvm.errors import ModelError
from sqtvm.frontend.execute import execute
from sqtvm.frontend.graph import Add, Clamp, Concat, Conv2d, Graph, Input, Linear, Softmax
from sqtvm.quantize.accuracy import prepare_input
from sqtvm.quantize.build import matched, quantize
from sqtvm.quantize.calibration import CalibrationMethod, calibrate
from sqtvm.quantize.network import (
    IntegerAdd,
    IntegerConcat,
    IntegerConv2d,
    IntegerLinear,
    IntegerNetwork,
    OutputRange,
    Rescaling,
    TensorQuantization,
)
from sqtvm.quantize.reference import run_integer, run_integer_layers
from tests.quantize import big_int
from tests.quantize.graphs import (
    HARDTANH,
    RELU,
    bits_of,
    every_operator,
    linear,
    node,
    quantizable,
    single,
)


def float_outputs(graph: Graph, x: np.ndarray) -> dict[str, np.ndarray]:
    """Every node's output, channels last."""
    values: dict[str, np.ndarray] = {}

    def keep(name: str, value: torch.Tensor) -> torch.Tensor:
        values[name] = (value.permute(0, 2, 3, 1) if value.dim() == 4 else value).numpy()
        return value

    execute(graph, torch.from_numpy(x), on_output=keep)
    return values


@settings(max_examples=25, deadline=None)
@given(quantizable())
def test_networks_hold_what_the_arithmetic_promises(
    case: tuple[Graph, np.ndarray, dict[str, int]],
) -> None:
    """Big integers agree, and their checks (int32 sums, int16 factors, weight bits) hold."""
    graph, x, bits = case
    network = quantize(graph, calibrate(graph, x), bits, x)
    # Inputs beyond the calibrated range are what real use brings.
    prepared = prepare_input(network, np.concatenate([x[:1], x[1:2] * 100]))

    fast = run_integer_layers(network, prepared)

    assert dict(network.weight_bits) == bits
    for sample in range(2):
        slow = big_int.run(network, prepared[sample])
        for name, expected in slow.items():
            np.testing.assert_array_equal(fast[name][sample], expected, err_msg=name)
    for layer in network.layers:
        if isinstance(layer.op, IntegerConv2d | IntegerLinear):
            rows = np.abs(layer.op.weight.reshape(len(layer.op.weight), -1).astype(np.int64))
            largest = rows.sum(axis=1) * 255 + np.abs(layer.op.bias.astype(np.int64))
            assert (largest << layer.op.left_shift).max() < 2**31, layer.name


@pytest.mark.parametrize("method", list(CalibrationMethod))
def test_eight_bits_stay_close_to_float(method: CalibrationMethod) -> None:
    random = np.random.default_rng(3)
    graph = every_operator(random)
    x = random.normal(size=(64, 3, 6, 5)).astype(np.float32)
    network = quantize(graph, calibrate(graph, x, method), bits_of(graph, 8), x)

    outputs = run_integer_layers(network, prepare_input(network, x))

    expected = float_outputs(graph, x)
    for layer in network.layers:
        given_output = layer.output.dequantize(outputs[layer.name])
        error = np.sqrt(np.mean((given_output - expected[layer.name]) ** 2))
        size = np.sqrt(np.mean(expected[layer.name] ** 2))
        assert error < 0.04 * size, f"{layer.name} is off by {error / size:.1%}"
        assert outputs[layer.name].shape[1:] == layer.shape, layer.name


def test_activation_is_clipped_in_integers() -> None:
    random = np.random.default_rng(0)
    graph = single(linear(random, 3, 4), (4,), (3,), RELU)
    activations = {"x": TensorQuantization(0.1, 0), "y": TensorQuantization(0.05, -20)}
    layer = quantize(graph, activations, {"y": 8}).output
    assert isinstance(layer.op, IntegerLinear)
    assert layer.op.clip == OutputRange(-20, 127)

    graph = single(linear(random, 3, 4), (4,), (3,), HARDTANH)
    layer = quantize(graph, activations, {"y": 8}).output
    assert isinstance(layer.op, IntegerLinear)
    assert layer.op.clip == OutputRange(-40, 0)


def test_two_clamps_in_a_row_both_hold() -> None:
    graph = single(Clamp(-2.0, 1.0), (3,), (3,), Clamp(-1.0, 3.0))
    network = quantize(graph, {"x": TensorQuantization(0.1, 5)}, {})
    result = run_integer(network, np.array([[-128, 7, 127]], np.int8))
    assert result.tolist() == [[-5, 7, 15]]


def _constant(weight: float, bias: float, features: int = 4) -> Linear:
    return Linear(np.full((2, features), weight, np.float32), np.full(2, bias, np.float32))


@pytest.mark.parametrize("weight", [0.0, 1e-30, 1e-12])
@pytest.mark.parametrize("bits", [8, 4, 2])
def test_dead_channels_keep_their_bias(weight: float, bits: int) -> None:
    op = Linear(
        np.array([[weight] * 4, [0.5, -1.0, 0.2, 0.1]], np.float32),
        np.array([0.7, 0.1], np.float32),
    )
    graph = single(op, (4,), (2,))
    output = TensorQuantization(0.01, 0)
    network = quantize(graph, {"x": TensorQuantization(0.02, 0), "y": output}, {"y": bits})
    result = run_integer(network, np.array([[0, 0, 0, 0], [127, -128, 127, -128]], np.int8))
    assert result[:, 0].tolist() == [70, 70]


def test_scale_grows_where_int32_would_overflow() -> None:
    """An output far finer than the sums would need a left shift that int32 has no room for."""
    graph = single(_constant(1.0, 0.0), (4,), (2,))
    activations = {"x": TensorQuantization(1.0, 0), "y": TensorQuantization(1e-8, 7)}
    network = quantize(graph, activations, {"y": 8})
    layer = network.output
    assert isinstance(layer.op, IntegerLinear)
    largest = 4 * 127 * 255
    assert layer.output.scale > 1e-8
    assert layer.output.zero_point == 7
    assert largest << layer.op.left_shift < 2**31
    outcome = run_integer(network, np.array([[1, 0, 0, 0], [-1, 0, 0, 0]], np.int8))
    assert outcome.tolist() == [[127, 127], [-128, -128]]


def test_addition_that_int16_factors_cannot_reach_gets_a_coarser_output() -> None:
    graph = Graph((node("x", Input(), [], (3,)), node("y", Add(), ["x", "x"], (3,))))
    network = quantize(
        graph, {"x": TensorQuantization(1.0, 100), "y": TensorQuantization(1e-7, 0)}, {}
    )
    assert isinstance(network.output.op, IntegerAdd)
    x = np.array([[-128, 100, 127]], np.int8)
    slow = big_int.run(network, x[0])["y"]
    np.testing.assert_array_equal(run_integer(network, x)[0], slow)
    assert slow.tolist() == [-128, 0, 127]


@pytest.mark.parametrize("scales", [(0.1, 0.2, 0.25), (1.0, 1e-6, 1.0), (1e-6, 1e-6, 1.0)])
def test_addition_rounds_to_nearest(scales: tuple[float, float, float]) -> None:
    graph = Graph(
        (
            node("x", Input(), [], (256,)),
            node("half", Clamp(-1e9, 1e9), ["x"], (256,)),
            node("y", Add(), ["x", "half"], (256,)),
        )
    )
    source = TensorQuantization(scales[0], 13)
    output = TensorQuantization(scales[2], -9)
    network = quantize(graph, {"x": source, "y": output}, {})
    x = np.arange(-128, 128, dtype=np.int8)
    real = 2 * scales[0] * (x.astype(np.float64) - 13) / scales[2] - 9
    result = run_integer(network, x[None])[0]
    assert np.abs(result - np.clip(real, -128, 127)).max() <= 0.51


def _concat(activation: Clamp | None, output: TensorQuantization) -> IntegerNetwork:
    graph = Graph(
        (
            node("x", Input(), [], (2,)),
            node("y", Concat(), ["x", "x"], (4,), activation),
        )
    )
    return quantize(graph, {"x": TensorQuantization(0.1, 3), "y": output}, {})


def test_concat_copies_where_scales_agree() -> None:
    network = _concat(None, TensorQuantization(0.1, 3))
    assert isinstance(network.output.op, IntegerConcat)
    assert network.output.op.rescalings == (None, None)


def test_concat_with_an_activation_does_not_count_on_copies_to_clip() -> None:
    network = _concat(RELU, TensorQuantization(0.1, 3))
    assert isinstance(network.output.op, IntegerConcat)
    assert network.output.op.rescalings == (Rescaling(1, 0, 0),) * 2
    assert run_integer(network, np.array([[-7, 8]], np.int8)).tolist() == [[3, 8, 3, 8]]


def test_concat_rescales_where_scales_differ() -> None:
    network = _concat(None, TensorQuantization(0.2, -10))
    result = run_integer(network, np.array([[3, 103]], np.int8))
    assert result.tolist() == [[-10, 40, -10, 40]]


def test_softmax_is_close_to_float() -> None:
    graph = single(Softmax(), (10,), (10,))
    x = np.random.default_rng(0).normal(size=(50, 10), scale=3).astype(np.float32)
    network = quantize(graph, calibrate(graph, x, CalibrationMethod.MIN_MAX), {})
    given_output = network.output.output.dequantize(run_integer(network, prepare_input(network, x)))
    expected = execute(graph, torch.from_numpy(x)).numpy()
    assert network.output.output == TensorQuantization(1 / 256, -128)
    assert np.abs(given_output - expected).max() < 0.03


@pytest.mark.parametrize("bits", [8, 4, 2])
def test_correction_restores_mean_and_spread_of_channels(bits: int) -> None:
    random = np.random.default_rng(5)
    graph = every_operator(random)
    x = (random.normal(size=(64, 3, 6, 5)) + 1).astype(np.float32)
    activations = calibrate(graph, x, CalibrationMethod.MIN_MAX)
    expected = float_outputs(graph, x)

    def errors(calibration_x: np.ndarray | None) -> tuple[list[float], list[float]]:
        network = quantize(graph, activations, bits_of(graph, bits), calibration_x)
        outputs = run_integer_layers(network, prepare_input(network, x))
        means, spreads = [], []
        for layer in network.layers:
            # Without a clamp the output's moments are those that are corrected.
            if graph[layer.name].weighted and graph[layer.name].activation is None:
                channels = expected[layer.name].shape[-1]
                wanted = expected[layer.name].reshape(-1, channels)
                given = layer.output.dequantize(outputs[layer.name]).reshape(-1, channels)
                off = np.abs(given.mean(axis=0) - wanted.mean(axis=0)).max()
                means.append(float(off / layer.output.scale))
                off = np.abs(given.std(axis=0) - wanted.std(axis=0)).max()
                spreads.append(float(off / layer.output.scale))
        return means, spreads

    (means, spreads), (plain_means, plain_spreads) = errors(x), errors(None)
    assert max(means) < 0.5, "means are off by less than half a step"
    if bits < 8:
        assert max(plain_means) > 2 * max(means)
    if bits == 2:
        # A channel whose weights all round to zero has no spread to scale.
        assert sum(plain_spreads) > 2 * sum(spreads)
    else:
        assert max(spreads) < 0.5


@pytest.mark.parametrize("bits", [8, 4, 2])
def test_the_matched_graph_is_the_corrected_network(bits: int) -> None:
    random = np.random.default_rng(5)
    graph = every_operator(random)
    x = (random.normal(size=(64, 3, 6, 5)) + 1).astype(np.float32)
    activations = calibrate(graph, x, CalibrationMethod.MIN_MAX)
    network = quantize(graph, activations, bits_of(graph, bits), x)
    again = quantize(matched(graph, network), activations, bits_of(graph, bits))
    for one, other in zip(network.layers, again.layers, strict=True):
        if isinstance(one.op, IntegerConv2d | IntegerLinear):
            assert isinstance(other.op, IntegerConv2d | IntegerLinear)
            np.testing.assert_array_equal(one.op.weight, other.op.weight)
            np.testing.assert_allclose(one.op.weight_scale, other.op.weight_scale, rtol=1e-6)
            np.testing.assert_allclose(one.op.bias, other.op.bias, atol=1.01, rtol=1e-6)


def test_weights_and_shapes_become_channels_last() -> None:
    random = np.random.default_rng(0)
    weight = random.choice([-1.0, 1.0], (5, 3, 2, 4)).astype(np.float32)
    op = Conv2d(weight, np.zeros(5, np.float32), (1, 2), (0, 1, 0, 1), 1)
    graph = single(op, (3, 6, 8), (5, 5, 4))
    activations = {"x": TensorQuantization(0.1, 0), "y": TensorQuantization(0.5, 0)}
    network = quantize(graph, activations, {"y": 8})
    layer = network.output
    assert isinstance(layer.op, IntegerConv2d)
    assert network.input_shape == (6, 8, 3)
    assert layer.shape == (5, 4, 5)
    real = layer.op.weight * layer.op.weight_scale[:, None, None, None]
    np.testing.assert_allclose(real, weight.transpose(0, 2, 3, 1), atol=1e-6)


@pytest.mark.parametrize("bits", [{}, {"y": 3}, {"y": 16}])
def test_missing_or_unknown_bits_are_refused(bits: dict[str, int]) -> None:
    graph = single(_constant(1.0, 0.0), (4,), (2,))
    activations = {"x": TensorQuantization(1.0, 0), "y": TensorQuantization(1.0, 0)}
    with pytest.raises(ModelError, match=r"y has .* weight bits"):
        quantize(graph, activations, bits)


def test_more_weights_than_int32_can_sum_are_refused() -> None:
    graph = single(_constant(1.0, 0.0, features=70_000), (70_000,), (2,))
    activations = {"x": TensorQuantization(1.0, 0), "y": TensorQuantization(1.0, 0)}
    with pytest.raises(ModelError, match="y sums too many weights"):
        quantize(graph, activations, {"y": 8})
