from __future__ import annotations

import numpy as np
import pytest

from sqtvm.allocate.allocate import METHODS, AllocateSettings, allocate, new_evaluator
from sqtvm.allocate.budget import Budget
from sqtvm.allocate.costs import analytic_costs
from sqtvm.allocate.sensitivity import sensitivities
from sqtvm.errors import SqtvmError
from sqtvm.frontend.model import Model, Samples
from sqtvm.quantize.calibration import calibrate
from tests.allocate.problems import chain

SETTINGS = AllocateSettings(guiding_samples=32, correction_samples=16, maximum_evaluations=6)
COSTS = analytic_costs(chain((4, 16, 16, 8)), 216_000_000)
NAMES = ("conv0", "conv1", "conv2")


@pytest.fixture(scope="module")
def model() -> Model:
    x = np.random.default_rng(0).normal(size=(32, 4, 4, 4)).astype(np.float32)
    samples = Samples(x, None, "drawn")
    return Model("chain", chain((4, 16, 16, 8)), samples, samples, samples)


def flash(bits: int) -> int:
    return COSTS.cost(dict.fromkeys(NAMES, bits)).flash_bytes


@pytest.mark.parametrize("method", METHODS)
def test_every_method_holds_a_budget_that_can_hold(model: Model, method: str) -> None:
    evaluator = new_evaluator(model, calibrate(model.graph, model.calibration.x), SETTINGS)
    settings = AllocateSettings(method, 0, 32, 16, 6)
    found = allocate(model, Budget(flash_bytes=flash(4)), COSTS, evaluator, settings)
    assert found.feasible
    assert found.binding == ()
    assert found.cost.flash_bytes <= flash(4)
    assert found.method == method


def test_the_least_there_is_comes_back_where_nothing_holds(model: Model) -> None:
    evaluator = new_evaluator(model, calibrate(model.graph, model.calibration.x), SETTINGS)
    found = allocate(model, Budget(flash_bytes=100), COSTS, evaluator, SETTINGS)
    assert not found.feasible
    assert set(found.weight_bits.values()) == {2}
    assert found.binding == (
        f"flash: at most 100 B wanted, {flash(2):,} B is the least "
        "(112 B of it weights at 2 bits everywhere); "
        "the layers with most weights are conv1, conv2, conv0",
        f"the nearest that holds: {flash(2):,} B of flash",
    )


def test_more_loss_than_allowed_is_said(model: Model) -> None:
    evaluator = new_evaluator(model, calibrate(model.graph, model.calibration.x), SETTINGS)
    budget = Budget(flash_bytes=flash(2), max_drop=0.0)
    found = allocate(model, budget, COSTS, evaluator, SETTINGS)
    assert not found.feasible
    words, nearest = found.binding
    assert words.startswith("accuracy: at most 0 points may be lost")
    assert "the layers whose bits cost most are conv" in words
    assert nearest.startswith(("the nearest that loses so little: ", "not even 8 bits"))


def test_an_unknown_method_is_named(model: Model) -> None:
    evaluator = new_evaluator(model, calibrate(model.graph, model.calibration.x), SETTINGS)
    with pytest.raises(SqtvmError, match="no allocation method dice"):
        allocate(model, Budget(), COSTS, evaluator, AllocateSettings("dice"))


def test_sensitivity_is_what_a_layer_alone_does(model: Model) -> None:
    evaluator = new_evaluator(model, calibrate(model.graph, model.calibration.x), SETTINGS)
    full = dict.fromkeys(NAMES, 8)
    assert sensitivities(full, evaluator) == {}
    found = sensitivities({**full, "conv1": 2}, evaluator)
    assert {name: sorted(by_bits) for name, by_bits in found.items()} == {
        "conv0": [4],
        "conv1": [2, 4],
        "conv2": [4],
    }
    alone = evaluator.quality({**full, "conv1": 2}).divergence
    assert found["conv1"][2] == alone - evaluator.quality(full).divergence
