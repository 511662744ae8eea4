from __future__ import annotations

import numpy as np
import pytest
import torch

from sqtvm.errors import DataError
from sqtvm.frontend.execute import execute
from sqtvm.frontend.graph import Conv2d, Graph, Linear
from sqtvm.frontend.model import Samples
from sqtvm.quantize.accuracy import accuracy
from sqtvm.quantize.build import quantize
from sqtvm.quantize.calibration import calibrate
from sqtvm.quantize.finetune import FineTuneProgress, FineTuneSettings, fine_tune
from sqtvm.quantize.weights import quantize_weights
from tests.quantize.graphs import bits_of
from tests.quantize.shapes_task import samples, trained, worn

TRAINING = samples(512, seed=2)
CALIBRATION = TRAINING.x[:64]
SETTINGS = FineTuneSettings(steps=120, batch_size=64, learning_rate=5e-3)


def tuned(
    training: Samples = TRAINING, settings: FineTuneSettings = SETTINGS
) -> tuple[Graph, list[FineTuneProgress]]:
    progress: list[FineTuneProgress] = []
    result = fine_tune(
        worn(),
        calibrate(trained(), CALIBRATION),
        bits_of(trained(), 2),
        training,
        settings,
        progress.append,
        teacher=trained(),
    )
    return result, progress


def test_loss_falls_and_the_integer_network_gets_better() -> None:
    result, progress = tuned()

    losses = [step.loss for step in progress]
    assert [step.step for step in progress] == list(range(1, 121))
    assert np.mean(losses[-10:]) < 0.5 * np.mean(losses[:10])

    activations, bits = calibrate(trained(), CALIBRATION), bits_of(trained(), 2)
    evaluation = samples(600, seed=3)
    before = accuracy(quantize(worn(), activations, bits, CALIBRATION), evaluation)
    after = accuracy(quantize(result, activations, bits, CALIBRATION), evaluation)
    assert after > before + 0.1, f"{before:.3f} before, {after:.3f} after"
    assert after > 0.9


def test_weights_lie_on_the_grid_that_quantize_finds() -> None:
    result, _ = tuned(settings=FineTuneSettings(steps=5, batch_size=32))
    for node in result.weighted:
        assert isinstance(node.op, Conv2d | Linear)
        integers, scale = quantize_weights(node.op.weight, 2)
        shape = (-1, *(1,) * (integers.ndim - 1))
        np.testing.assert_allclose(
            integers * scale.reshape(shape), node.op.weight, rtol=1e-5, atol=1e-7
        )


def test_the_same_seed_gives_the_same_weights() -> None:
    settings = FineTuneSettings(steps=4, batch_size=32)
    first, second = tuned(settings=settings)[0], tuned(settings=settings)[0]
    other, _ = tuned(settings=FineTuneSettings(steps=4, batch_size=32, seed=1))
    weights = [graph["head"].op.weight for graph in (first, second, other)]
    np.testing.assert_array_equal(weights[0], weights[1])
    assert not np.array_equal(weights[0], weights[2])


def test_epochs_count_passes_over_the_samples() -> None:
    _, progress = tuned(settings=FineTuneSettings(epochs=2, batch_size=200))
    assert [step.steps for step in progress] == [6] * 6


def test_without_labels_outputs_come_closer_to_the_float_network() -> None:
    _, progress = tuned(training=Samples(TRAINING.x, None, "unlabelled"))
    losses = [step.loss for step in progress]
    assert np.mean(losses[-10:]) < 0.5 * np.mean(losses[:10])


def test_teacher_is_what_distillation_pulls_towards() -> None:
    graph = trained()
    head = graph["head"].op
    assert isinstance(head, Linear)
    silent = graph.with_parameters({"head": (head.weight * 0, head.bias * 0)})
    result = fine_tune(
        graph,
        calibrate(graph, CALIBRATION),
        bits_of(graph, 8),
        TRAINING,
        FineTuneSettings(steps=200, learning_rate=0.02, distillation=1.0),
        teacher=silent,
    )
    x = torch.from_numpy(CALIBRATION)
    spread = [float(execute(g, x).std(dim=0).mean()) for g in (graph, result)]
    assert spread[1] < 0.3 * spread[0]


def test_no_samples_are_refused() -> None:
    with pytest.raises(DataError, match="empty has no samples"):
        tuned(training=Samples(TRAINING.x[:0], None, "empty"))
