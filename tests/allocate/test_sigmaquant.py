from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sqtvm.allocate.budget import BITS, Budget
from sqtvm.allocate.limits import binding, holds
from sqtvm.allocate.sigmaquant import search
from tests.allocate.problems import TableCosts, problem

SIZES = st.lists(st.integers(16, 5000), min_size=1, max_size=9)


def costs_of(sizes: list[int], seed: int) -> TableCosts:
    random = np.random.default_rng(seed)
    names = [f"layer{number}" for number in range(len(sizes))]
    times = {(name, bits): float(random.uniform(1, 2)) for name in names for bits in BITS}
    return TableCosts(dict(zip(names, sizes, strict=True)), times)


def uniform(costs: TableCosts, bits: int) -> dict[str, int]:
    return dict.fromkeys(costs.sizes, bits)


@settings(deadline=None, max_examples=60)
@given(SIZES, st.integers(0, 10_000), st.floats(0, 1))
def test_a_flash_budget_that_can_hold_does(sizes: list[int], seed: int, share: float) -> None:
    costs = costs_of(sizes, seed)
    least = costs.cost(uniform(costs, 2)).flash_bytes
    most = costs.cost(uniform(costs, 8)).flash_bytes
    budget = Budget(flash_bytes=least + int(share * (most - least)))
    bits, _ = search(problem(costs.sizes, costs, budget, seed))
    assert holds(budget, costs.cost(bits))


@settings(deadline=None, max_examples=60)
@given(SIZES, st.integers(0, 10_000), st.floats(0, 1))
def test_decisions_replay_to_the_final_bits(sizes: list[int], seed: int, share: float) -> None:
    costs = costs_of(sizes, seed)
    budget = Budget(flash_bytes=int(costs.cost(uniform(costs, 8)).flash_bytes * share) + 1)
    bits, decisions = search(problem(costs.sizes, costs, budget, seed))
    replayed = uniform(costs, 8)
    for decision in decisions:
        assert decision.bits_before == replayed[decision.layer]
        assert decision.cost_before == costs.cost(replayed)
        if decision.kept:
            replayed[decision.layer] = decision.bits_after
            assert decision.cost_after == costs.cost(replayed)
    assert replayed == bits


@settings(deadline=None, max_examples=20)
@given(SIZES, st.integers(0, 10_000))
def test_the_same_problem_has_the_same_answer(sizes: list[int], seed: int) -> None:
    costs = costs_of(sizes, seed)
    budget = Budget(flash_bytes=costs.cost(uniform(costs, 4)).flash_bytes)
    first = search(problem(costs.sizes, costs, budget, seed))
    assert first == search(problem(costs.sizes, costs, budget, seed))


def test_without_pressure_everything_keeps_eight_bits() -> None:
    costs = costs_of([100, 2000, 300], 0)
    bits, decisions = search(problem(costs.sizes, costs, Budget(flash_bytes=10**6, ms=100)))
    assert bits == uniform(costs, 8)
    assert decisions == ()


def test_what_cannot_hold_is_named_with_the_least_there_is() -> None:
    costs = costs_of([100, 2000, 300], 0)
    budget = Budget(flash_bytes=500, ram_bytes=10, ms=0.5)
    bits, _ = search(problem(costs.sizes, costs, budget))
    assert bits == uniform(costs, 2)
    time, flash, ram = binding(budget, costs.cost(bits), costs, bits)
    assert time.startswith("time: at most 0.5 ms wanted")
    assert flash == (
        "flash: at most 500 B wanted, 700 B is the least (600 B of it weights at 2 bits everywhere)"
    )
    assert ram == "RAM: at most 10 B wanted, 1,000 B is the least"


def test_exchanges_bring_the_network_closer() -> None:
    """The layer that matters and the one that does not are of one size: bits must move."""
    sizes = {"matters": 1000, "idle": 1000}
    times = {(name, bits): 1.0 for name in sizes for bits in BITS}
    costs = TableCosts(sizes, times)
    task = problem(sizes, costs, Budget(flash_bytes=100 + 1000 + 250))
    task.evaluator.importance = {"matters": 1.0, "idle": 0.0}  # type: ignore[attr-defined]
    bits, _ = search(task)
    assert bits == {"matters": 8, "idle": 2}
