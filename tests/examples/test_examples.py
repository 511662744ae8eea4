"""What the examples give fits together, and their READMEs tell the truth."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from sqtvm import pipeline
from sqtvm.frontend.graph import parameter_count
from sqtvm.frontend.model import Samples
from sqtvm.quantize.accuracy import float_accuracy
from tests.examples.conftest import EXAMPLES, NAMES, Example

LARGEST_WEIGHTS = 2_000_000


def _some(samples: Samples, most: int) -> Samples:
    chosen = np.random.default_rng(0).permutation(len(samples))[:most]
    assert samples.y is not None
    return Samples(samples.x[chosen], samples.y[chosen], samples.source)


@pytest.mark.parametrize("most", [1500, pytest.param(None, marks=pytest.mark.slow)])
def test_factories_fit_and_accuracy_is_as_the_readme_says(
    example: Example, most: int | None
) -> None:
    """By the graph that everything else is made from, on some or all evaluation samples."""
    model = pipeline.load(example.settings)
    for samples in (model.evaluation, model.calibration, model.training):
        if samples is not None:
            assert samples.x.shape[1:] == model.graph.input.shape
            assert len(samples) >= 512
    parameters = re.search(r"([\d,]+)\s+parameters", example.readme)
    if parameters:
        found = sum(parameter_count(node) for node in model.graph.nodes)
        # Batch norms are folded into what stands before them.
        assert found <= int(parameters[1].replace(",", "")) <= 1.05 * found
    if model.evaluation.y is None:
        return
    assert set(np.unique(model.evaluation.y)) == set(range(model.graph.output.shape[-1]))
    judged = _some(model.evaluation, most) if most else model.evaluation
    told = example.figure(r"\*\*(\d+\.\d+) %\*\*")
    # Three deviations of as many draws; another processor may see single samples otherwise.
    chance = 300 * (told / 100 * (1 - told / 100) / len(judged)) ** 0.5 if most else 0.03
    assert 100 * float_accuracy(model.graph, judged) == pytest.approx(told, abs=chance)


@pytest.mark.parametrize("example", [name for name in NAMES if name != "anomaly"], indirect=True)
def test_no_sample_of_the_training_is_judged_on(example: Example) -> None:
    settings = example.settings
    assert settings.training is not None
    seen, judged = (
        {row.numpy().tobytes() for row in example.module(module).__dict__[factory]().tensors[0]}
        for module, factory in (settings.training.split(":"), settings.data.split(":"))
    )
    # Single pictures and sounds are twice in the collections themselves.
    assert len(seen & judged) <= 0.001 * len(judged)


def test_weights_are_small_and_come_with_their_training(example: Example) -> None:
    weights = example.folder / "weights.pt"
    assert weights.stat().st_size < LARGEST_WEIGHTS
    training = example.module("train")
    assert f"seed {training.SEED}" in example.readme
    assert f"{training.EPOCHS} epochs" in example.readme
    state = torch.load(weights, weights_only=True)
    assert all(torch.isfinite(tensor.float()).all() for tensor in state.values())


@pytest.mark.parametrize("example", ["anomaly"], indirect=True)
def test_anomalies_are_told_as_well_as_the_readme_says(example: Example) -> None:
    score, network = example.module("score"), example.module("autoencoder")
    x, anomalous = (tensor.numpy() for tensor in example.module("sneakers").test().tensors)
    found = score.errors(x, score.reconstructed(network.trained(), x))
    told = example.figure(r"\*\*(0\.\d+)\*\*")
    assert score.area_under_curve(found, anomalous) == pytest.approx(told, abs=2e-4)


def test_every_committed_file_is_small() -> None:
    kept = [
        path for path in EXAMPLES.rglob("*") if path.is_file() and "sqtvm-out" not in path.parts
    ]
    assert all(path.stat().st_size < LARGEST_WEIGHTS for path in kept)
