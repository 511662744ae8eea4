from __future__ import annotations

import numpy as np
import pytest
import torch

from sqtvm.errors import DataError
from sqtvm.frontend.execute import execute
from sqtvm.frontend.graph import Conv2d, Graph, Linear
from sqtvm.quantize.accuracy import prepare_input
from sqtvm.quantize.build import quantize
from sqtvm.quantize.calibration import calibrate
from sqtvm.quantize.reconstruct import ReconstructSettings, reconstruct
from sqtvm.quantize.reference import run_integer
from sqtvm.quantize.weights import quantize_weights
from tests.quantize.graphs import bits_of
from tests.quantize.shapes_task import samples, trained

CALIBRATION = samples(256, seed=5).x
EVALUATION = samples(1000, seed=3)


def rounded(bits: int, steps: int = 300) -> Graph:
    activations = calibrate(trained(), CALIBRATION)
    settings = ReconstructSettings(steps=steps)
    return reconstruct(trained(), activations, bits_of(trained(), bits), CALIBRATION, settings)


def distance(graph: Graph) -> float:
    """Mean squared, of the graph's logits at quantized activations from the trained one's."""
    activations = calibrate(trained(), CALIBRATION)
    logits = Graph(trained().nodes[:-1])
    network = quantize(Graph(graph.nodes[:-1]), activations, bits_of(logits, 2), CALIBRATION)
    given = network.output.output.dequantize(
        run_integer(network, prepare_input(network, EVALUATION.x))
    )
    wanted = execute(logits, torch.from_numpy(EVALUATION.x)).numpy()
    return float(((given - wanted) ** 2).mean())


def test_outputs_come_closer_than_by_rounding_to_nearest() -> None:
    nearest, adaptive = distance(trained()), distance(rounded(2))
    assert adaptive < 0.8 * nearest, f"{nearest:.3f} to nearest, {adaptive:.3f} adaptive"


@pytest.mark.parametrize("bits", [4, 2])
def test_each_weight_goes_to_a_level_beside_it_and_stays_there(bits: int) -> None:
    result = rounded(bits, steps=20)
    for before, after in zip(trained().weighted, result.weighted, strict=True):
        assert isinstance(before.op, Conv2d | Linear)
        assert isinstance(after.op, Conv2d | Linear)
        shape = (-1, *(1,) * (before.op.weight.ndim - 1))
        step = quantize_weights(before.op.weight, bits)[1].reshape(shape)
        low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
        clipped = np.clip(before.op.weight / step, low, high)
        integers, scale = quantize_weights(after.op.weight, bits)
        # Each channel's step was scaled by a factor of its own; levels may all be even.
        for channel, levels in enumerate(integers):
            assert any(
                (np.abs(levels * factor - clipped[channel]) < 1 + 1e-4).all()
                for factor in (1, -1, 2, -2)
            ), before.name
        np.testing.assert_allclose(
            integers * scale.reshape(shape), after.op.weight, rtol=1e-5, atol=1e-6
        )


def test_eight_bits_are_rounded_to_nearest() -> None:
    for before, after in zip(trained().weighted, rounded(8, steps=5).weighted, strict=True):
        assert isinstance(before.op, Conv2d | Linear)
        assert isinstance(after.op, Conv2d | Linear)
        integers, scale = quantize_weights(before.op.weight, 8)
        nearest = integers * scale.reshape(-1, *(1,) * (integers.ndim - 1))
        np.testing.assert_allclose(after.op.weight, nearest, rtol=1e-6)


def test_the_same_samples_give_the_same_weights() -> None:
    first, second = rounded(2, steps=10), rounded(2, steps=10)
    for one, other in zip(first.weighted, second.weighted, strict=True):
        assert isinstance(one.op, Conv2d | Linear)
        assert isinstance(other.op, Conv2d | Linear)
        np.testing.assert_array_equal(one.op.weight, other.op.weight)


def test_no_samples_are_refused() -> None:
    with pytest.raises(DataError, match="no samples"):
        reconstruct(trained(), {}, {}, CALIBRATION[:0])
