"""Training within the search, on a task that trains in a moment."""

from __future__ import annotations

import pytest
import torch.nn.functional as functional
from torch import Tensor

from sqtvm.allocate.allocate import AllocateSettings, allocate, new_evaluator
from sqtvm.allocate.allocation import Allocation
from sqtvm.allocate.budget import Budget
from sqtvm.allocate.costs import LayerCosts
from sqtvm.allocate.trained import CYCLE, CYCLES
from sqtvm.errors import SqtvmError
from sqtvm.frontend.model import Model
from sqtvm.quantize.calibration import calibrate
from sqtvm.quantize.loss import Loss
from sqtvm.quantize.scheme import weight_bytes
from tests.quantize.shapes_task import samples, trained


def _allocate(
    method: str,
    max_drop: float | None = None,
    training: bool = True,
    loss: Loss = functional.cross_entropy,
) -> Allocation:
    graph = trained()
    data = samples(300, 1)
    model = Model("bars", graph, data, data, data if training else None)
    settings = AllocateSettings(method=method, loss=loss)
    limit = sum(weight_bytes(node, 8) for node in graph.weighted) * 40 // 100
    return allocate(
        model,
        Budget(flash_bytes=limit, max_drop=max_drop),
        LayerCosts(graph, clock_hz=1, ram_bytes=0),
        new_evaluator(model, calibrate(graph, data.x), settings),
        settings,
    )


def test_bits_move_only_where_a_training_cycle_comes_closer() -> None:
    found = _allocate("sigmaquant-qat")
    assert found.feasible
    cycles = [step for step in found.decisions if "cycle" in step.reason]
    assert 0 < len({step.reason.rsplit("cycle")[1] for step in cycles}) < CYCLES
    assert all(step.accuracy is not None for step in cycles)
    bits = dict(_allocate("sigmaquant").weight_bits)
    for step in cycles:
        if step.kept:
            bits[step.layer] = step.bits_after
    assert bits == found.weight_bits
    again = _allocate("sigmaquant-qat")
    assert (again.weight_bits, again.decisions) == (found.weight_bits, found.decisions)


def test_it_ends_with_the_first_cycle_that_is_accurate_enough() -> None:
    start = _allocate("sigmaquant", max_drop=99)
    found = _allocate("sigmaquant-qat", max_drop=99)
    assert found.weight_bits == start.weight_bits
    assert found.decisions == start.decisions


def test_accuracy_is_told_of_the_weights_that_the_search_trained() -> None:
    """So that a drop which training makes good is not held against the choice."""
    plain = _allocate("sigmaquant", max_drop=99)
    found = _allocate("sigmaquant-qat", max_drop=99)
    assert found.weight_bits == plain.weight_bits
    assert found.divergence < plain.divergence


def test_the_callers_loss_is_what_cycles_lower() -> None:
    calls: list[int] = []

    def loss(logits: Tensor, labels: Tensor) -> Tensor:
        calls.append(len(labels))
        return functional.cross_entropy(logits, labels)

    _allocate("sigmaquant-qat", loss=loss)
    assert calls
    assert len(calls) % CYCLE.steps == 0


def test_without_training_data_it_says_what_to_do() -> None:
    with pytest.raises(SqtvmError, match="trains while it searches"):
        _allocate("sigmaquant-qat", training=False)
