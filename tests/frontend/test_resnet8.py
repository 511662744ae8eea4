"""The example that the demonstration deploys."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from sqtvm.frontend.execute import execute
from sqtvm.frontend.graph import macs, parameter_count
from sqtvm.frontend.load import load_model
from sqtvm.frontend.model import Model

FOLDER = Path(__file__).parents[2] / "examples" / "resnet8"


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(FOLDER)
        yield load_model("resnet8:trained", "fashion_mnist:test", "fashion_mnist:calibration")
    for name in ("resnet8", "fashion_mnist"):
        sys.modules.pop(name, None)


def test_it_is_the_topology_of_mlperf_tiny(model: Model) -> None:
    assert [(n.name, n.shape) for n in model.graph.weighted] == [
        ("conv", (16, 28, 28)),
        ("stack1.conv1", (16, 28, 28)),
        ("stack1.conv2", (16, 28, 28)),
        ("stack2.conv1", (32, 14, 14)),
        ("stack2.conv2", (32, 14, 14)),
        ("stack2.shortcut", (32, 14, 14)),
        ("stack3.conv1", (64, 7, 7)),
        ("stack3.conv2", (64, 7, 7)),
        ("stack3.shortcut", (64, 7, 7)),
        ("linear", (10,)),
    ]
    assert 76_000 < sum(parameter_count(node) for node in model.graph.nodes) < 79_000
    assert 9e6 < sum(macs(model.graph, node) for node in model.graph.nodes) < 11e6


def test_images_are_whole(model: Model) -> None:
    assert model.evaluation.x.shape == (10_000, 1, 28, 28)
    assert model.calibration.x.shape == (512, 1, 28, 28)
    assert (model.evaluation.x.min(), model.evaluation.x.max()) == (0.0, 1.0)
    assert model.evaluation.y is not None
    assert np.bincount(model.evaluation.y).tolist() == [1000] * 10


def test_calibration_is_not_evaluated(model: Model) -> None:
    evaluated = {x.tobytes() for x in model.evaluation.x}
    assert not evaluated & {x.tobytes() for x in model.calibration.x}


def test_the_trained_network_knows_the_test_images(model: Model) -> None:
    some = replace(model.evaluation, x=model.evaluation.x[:2000])
    assert model.evaluation.y is not None
    with torch.no_grad():
        found = execute(model.graph, torch.from_numpy(some.x)).argmax(1).numpy()
    # The whole test set gives 91.99 %; two thousand of it stray by a standard error of 0.6.
    assert (found == model.evaluation.y[:2000]).mean() > 0.90


def test_the_weights_are_small_and_hold_no_code() -> None:
    weights = FOLDER / "weights.pt"
    assert weights.stat().st_size < 2_000_000
    state = torch.load(weights, weights_only=True)
    assert {tensor.dtype for tensor in state.values()} <= {torch.float32, torch.int64}
