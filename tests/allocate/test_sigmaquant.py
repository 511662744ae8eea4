from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sqtvm.allocate.baselines import greedy, integer_programming
from sqtvm.allocate.budget import BITS, Budget
from sqtvm.allocate.limits import binding, holds
from sqtvm.allocate.measured import search
from sqtvm.allocate.sigmaquant import search as search_by_weights
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


@settings(deadline=None, max_examples=60)
@given(SIZES, st.integers(0, 10_000))
def test_time_and_flash_that_can_hold_together_do(sizes: list[int], seed: int) -> None:
    """Times do not follow bits here, so that steps down alone would often end in a dead end."""
    costs = costs_of(sizes, seed)
    random = np.random.default_rng(seed)
    held = costs.cost({name: int(random.choice(BITS)) for name in costs.sizes})
    budget = Budget(ms=held.ms * 1.0001, flash_bytes=held.flash_bytes)
    for search_by in (search, search_by_weights):
        bits, _ = search_by(problem(costs.sizes, costs, budget, seed))
        assert holds(budget, costs.cost(bits))


@settings(deadline=None, max_examples=20)
@given(SIZES, st.integers(0, 10_000))
def test_a_rejected_trial_is_recorded_with_what_it_cost(sizes: list[int], seed: int) -> None:
    costs = costs_of(sizes, seed)
    budget = Budget(flash_bytes=costs.cost(uniform(costs, 4)).flash_bytes)
    _, decisions = search(problem(costs.sizes, costs, budget, seed))
    for decision in decisions:
        if not decision.kept:
            assert decision.accuracy is not None
            assert holds(budget, decision.cost_after)


def test_measuring_never_leaves_the_network_further_away() -> None:
    for seed in range(10):
        costs = costs_of([100, 2000, 300, 900, 50], seed)
        budget = Budget(flash_bytes=costs.cost(uniform(costs, 4)).flash_bytes)
        task = problem(costs.sizes, costs, budget, seed)
        measured = task.evaluator.quality(search(task)[0])
        for other in (search_by_weights, greedy, integer_programming):
            found = task.evaluator.quality(other(task)[0])
            assert measured.divergence <= found.divergence + 1e-12, (seed, other)


def test_limits_that_only_fail_together_are_said_to() -> None:
    costs = TableCosts({"a": 1000}, {("a", 8): 1.0, ("a", 4): 2.0, ("a", 2): 2.0})
    budget = Budget(ms=1.5, flash_bytes=700)
    bits, _ = search(problem(costs.sizes, costs, budget))
    (words,) = binding(budget, costs.cost(bits), costs, bits)
    assert words.endswith(("alone it can hold", "alone it can hold; the slowest layers are a"))


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
