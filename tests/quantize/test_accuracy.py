from __future__ import annotations

import numpy as np
import pytest
import torch

from sqtvm.errors import DataError
from sqtvm.frontend.execute import execute
from sqtvm.frontend.model import Samples
from sqtvm.quantize.accuracy import accuracy, float_accuracy, predict, prepare_input
from sqtvm.quantize.build import quantize
from sqtvm.quantize.calibration import calibrate
from sqtvm.quantize.network import IntegerNetwork
from tests.quantize.graphs import bits_of
from tests.quantize.shapes_task import samples, trained

EVALUATION = samples(600, seed=3)


def network(weight_bits: int) -> IntegerNetwork:
    graph = trained()
    x = samples(64, seed=4).x
    return quantize(graph, calibrate(graph, x), bits_of(graph, weight_bits), x)


def test_eight_bits_are_as_accurate_as_float() -> None:
    exact = float_accuracy(trained(), EVALUATION)
    assert exact > 0.9
    assert accuracy(network(8), EVALUATION) == pytest.approx(exact, abs=0.01)


def test_accuracy_is_the_share_of_right_predictions() -> None:
    classes = predict(network(8), EVALUATION.x)
    assert EVALUATION.y is not None
    assert classes.shape == (600,)
    assert accuracy(network(8), EVALUATION) == (classes == EVALUATION.y).mean()
    wrong = Samples(EVALUATION.x, (classes + 1) % 3, "wrong")
    assert accuracy(network(8), wrong) == 0


def test_float_accuracy_counts_every_sample() -> None:
    with torch.no_grad():
        classes = execute(trained(), torch.from_numpy(EVALUATION.x)).argmax(dim=1).numpy()
    assert float_accuracy(trained(), EVALUATION) == (classes == EVALUATION.y).mean()


def test_input_becomes_channels_last() -> None:
    x = np.zeros((2, 1, 8, 8), np.float32)
    x[1, 0, 2, 5] = 1.0
    prepared = prepare_input(network(8), x)
    quantization = network(8).input
    assert prepared.shape == (2, 8, 8, 1)
    assert prepared.dtype == np.int8
    assert prepared[1, 2, 5, 0] == quantization.quantize(np.ones(1))[0]
    assert prepared[0, 2, 5, 0] == quantization.zero_point


def test_accuracy_without_labels_is_refused() -> None:
    unlabelled = Samples(EVALUATION.x, None, "camera.npz")
    with pytest.raises(DataError, match=r"camera\.npz has no labelled samples"):
        accuracy(network(8), unlabelled)
    with pytest.raises(DataError, match=r"camera\.npz has no labelled samples"):
        float_accuracy(trained(), unlabelled)
