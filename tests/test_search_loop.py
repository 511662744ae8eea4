"""The loop's ends: the best that holds, or ten rounds, whatever the predictions are worth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count, product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sqtvm import search_loop
from sqtvm.allocate.allocation import Allocation
from sqtvm.allocate.budget import Budget
from sqtvm.allocate.costs import LayerCosts, analytic_costs
from sqtvm.allocate.limits import exceeded
from sqtvm.firmware.boards import load_board
from sqtvm.firmware.memory_use import MemoryUse
from sqtvm.measure.measurement import Measurement
from sqtvm.measure.target import Target
from sqtvm.progress import Progress
from sqtvm.rounds import MAXIMUM_ROUNDS, Realisation, Round
from sqtvm.search_loop import run_rounds
from tests.compile.graphs import every_operator

GRAPH = every_operator()
BOARD = load_board("stm32f446")
NAMES = [node.name for node in GRAPH.weighted]
# From the best to the worst: one layer after the other goes to 4 bits, then to 2.
CHOICES = [
    {name: low if place < changed else high for place, name in enumerate(NAMES)}
    for (high, low), changed in product(((8, 4), (4, 2)), range(len(NAMES)))
]


def allocation(place: int, costs: LayerCosts) -> Allocation:
    cost = costs.cost(CHOICES[place])
    return Allocation(CHOICES[place], "in order", 0.9, cost, True, (), (), (), 1, place / 100)


def best_predicted(_model: Any, wanted: Budget, costs: LayerCosts, *_: object) -> Allocation:
    """The first of CHOICES that is predicted to hold, else the last."""
    fits = (n for n in range(len(CHOICES)) if exceeded(wanted, costs.cost(CHOICES[n])) <= 0)
    return allocation(next(fits, len(CHOICES) - 1), costs)


def true_flash(bits: Mapping[str, int]) -> int:
    """A quarter above the model, and each bit weighs more than it says."""
    modelled = analytic_costs(GRAPH, BOARD.clock_hz).cost(bits).flash_bytes
    return round(1.25 * modelled) + 20 * sum(bits.values())


def measured(bits: Mapping[str, int]) -> Measurement:
    ms = 3.0 + 0.1 * sum(bits.values())
    memory = MemoryUse(true_flash(bits), 0, 0, 2000, 0, 0)
    nothing = np.zeros((0, 0), np.int8)
    return Measurement("emulator", (), 1, ms, "m", None, ms, "emulated", memory, nothing, (ms, ms))


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Progress]:
    """Fake stages around the real loop; what it tells."""

    def price(_w: Any, network: Mapping[str, int], *_: object) -> Realisation:
        return Realisation(network, measured(network))  # type: ignore[arg-type]

    monkeypatch.setattr(search_loop, "allocate", best_predicted)
    monkeypatch.setattr(search_loop, "price", price)
    monkeypatch.setattr(search_loop, "workshop_table", lambda *_: None)
    return []


def rounds_of(budget: Budget, told: list[Progress]) -> tuple[Round, ...]:
    workshop: Any = SimpleNamespace(
        model=SimpleNamespace(graph=GRAPH),
        board=BOARD,
        target=Target("emulator"),
        on_progress=told.append,
        quantize=lambda _graph, bits: bits,
        activations={},
        ram_bytes=None,
    )
    evaluator: Any = SimpleNamespace(float_accuracy=0.9)
    settings: Any = None
    return run_rounds(workshop, budget, evaluator, settings, Path("nowhere"))


LIMITS = sorted({true_flash(bits) for bits in CHOICES})


@pytest.mark.parametrize("limit", LIMITS)
def test_it_ends_where_the_next_better_would_break_the_budget(
    limit: int, told: list[Progress]
) -> None:
    budget = Budget(flash_bytes=limit)
    rounds = rounds_of(budget, told)
    assert len(rounds) <= MAXIMUM_ROUNDS
    best = search_loop.best_round(budget, rounds)
    assert best.holds
    place = CHOICES.index(dict(best.allocation.weight_bits))
    assert true_flash(CHOICES[place]) <= limit
    ended = len(rounds) < MAXIMUM_ROUNDS
    assert place == 0 or true_flash(CHOICES[place - 1]) > limit or not ended


def test_each_round_tells_what_was_predicted_and_what_came_of_it(told: list[Progress]) -> None:
    rounds = rounds_of(Budget(flash_bytes=LIMITS[-2]), told)
    lasting = [progress.message for progress in told if progress.lasting]
    assert len(lasting) == len(rounds)
    for turn, message in zip(rounds, lasting, strict=True):
        assert message.startswith(f"round {turn.number}: predicted {turn.predicted.ms:.3f} ms")
        assert f"emulated {turn.realisation.measurement.ms:.3f} ms" in message
        memory = turn.realisation.measurement.memory
        assert f"linked {memory.flash_bytes:,} B" in message
        assert f"of RAM, taken {memory.ram_bytes:,} B" in message
    # What was linked corrects the next prediction of the same kernels.
    errors = [
        abs(turn.predicted.flash_bytes / turn.realisation.measurement.memory.flash_bytes - 1)
        for turn in rounds
    ]
    assert errors[1] < errors[0]


def endless() -> Iterator[int]:
    return (place % len(CHOICES) for place in count())


@pytest.mark.parametrize("limit", [None, 1])
def test_ten_rounds_are_the_most(
    limit: int | None, told: list[Progress], monkeypatch: pytest.MonkeyPatch
) -> None:
    places = endless()

    def another(_model: Any, _wanted: Budget, costs: LayerCosts, *_: object) -> Allocation:
        return allocation(next(places), costs)

    monkeypatch.setattr(search_loop, "allocate", another)
    rounds = rounds_of(Budget(ms=0.001, flash_bytes=limit), told)
    assert [turn.number for turn in rounds] == list(range(1, MAXIMUM_ROUNDS + 1))
    assert MAXIMUM_ROUNDS == 10
    assert not any(turn.holds for turn in rounds)
