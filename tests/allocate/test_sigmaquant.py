from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sqtvm.allocate.baselines import greedy, integer_programming, random_search
from sqtvm.allocate.budget import BITS, Budget
from sqtvm.allocate.limits import binding, holds
from sqtvm.allocate.measured import search
from sqtvm.allocate.nearest import nearest_accurate
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
    bits = search(problem(costs.sizes, costs, budget, seed)).bits
    assert holds(budget, costs.cost(bits))


@settings(deadline=None, max_examples=60)
@given(SIZES, st.integers(0, 10_000), st.floats(0, 1))
def test_decisions_replay_to_the_final_bits(sizes: list[int], seed: int, share: float) -> None:
    costs = costs_of(sizes, seed)
    budget = Budget(flash_bytes=int(costs.cost(uniform(costs, 8)).flash_bytes * share) + 1)
    walk = search(problem(costs.sizes, costs, budget, seed))
    replayed = uniform(costs, 8)
    for decision in walk.decisions:
        assert decision.bits_before == replayed[decision.layer]
        assert decision.cost_before == costs.cost(replayed)
        if decision.kept:
            replayed[decision.layer] = decision.bits_after
            assert decision.cost_after == costs.cost(replayed)
    assert replayed == walk.bits


@settings(deadline=None, max_examples=20)
@given(SIZES, st.integers(0, 10_000))
def test_the_same_problem_has_the_same_answer(sizes: list[int], seed: int) -> None:
    costs = costs_of(sizes, seed)
    budget = Budget(flash_bytes=costs.cost(uniform(costs, 4)).flash_bytes)
    first = search(problem(costs.sizes, costs, budget, seed))
    again = search(problem(costs.sizes, costs, budget, seed))
    assert (first.bits, first.decisions) == (again.bits, again.decisions)


def test_without_pressure_everything_keeps_eight_bits() -> None:
    costs = costs_of([100, 2000, 300], 0)
    walk = search(problem(costs.sizes, costs, Budget(flash_bytes=10**6, ms=100)))
    assert walk.bits == uniform(costs, 8)
    assert walk.decisions == []


@settings(deadline=None, max_examples=60)
@given(SIZES, st.integers(0, 10_000))
def test_time_and_flash_that_can_hold_together_do(sizes: list[int], seed: int) -> None:
    """Times do not follow bits here, so that steps down alone would often end in a dead end."""
    costs = costs_of(sizes, seed)
    random = np.random.default_rng(seed)
    held = costs.cost({name: int(random.choice(BITS)) for name in costs.sizes})
    budget = Budget(ms=held.ms * 1.0001, flash_bytes=held.flash_bytes)
    for search_by in (search, search_by_weights):
        walk = search_by(problem(costs.sizes, costs, budget, seed))
        assert holds(budget, costs.cost(walk.bits))


@settings(deadline=None, max_examples=20)
@given(SIZES, st.integers(0, 10_000))
def test_a_rejected_trial_is_recorded_with_what_it_cost(sizes: list[int], seed: int) -> None:
    costs = costs_of(sizes, seed)
    budget = Budget(flash_bytes=costs.cost(uniform(costs, 4)).flash_bytes)
    walk = search(problem(costs.sizes, costs, budget, seed))
    for decision in walk.decisions:
        if not decision.kept:
            assert decision.accuracy is not None
            assert holds(budget, decision.cost_after)


def test_measuring_never_leaves_the_network_further_away() -> None:
    for seed in range(10):
        costs = costs_of([100, 2000, 300, 900, 50], seed)
        budget = Budget(flash_bytes=costs.cost(uniform(costs, 4)).flash_bytes)
        task = problem(costs.sizes, costs, budget, seed)
        measured = task.evaluator.quality(search(task).bits)
        for other in (search_by_weights, greedy, integer_programming):
            found = task.evaluator.quality(other(task).bits)
            assert measured.divergence <= found.divergence + 1e-12, (seed, other)


def test_limits_that_only_fail_together_are_said_to() -> None:
    costs = TableCosts({"a": 1000}, {("a", 8): 1.0, ("a", 4): 2.0, ("a", 2): 2.0})
    budget = Budget(ms=1.5, flash_bytes=700)
    bits = search(problem(costs.sizes, costs, budget)).bits
    (words,) = binding(budget, costs.cost(bits), costs, bits)
    assert words.endswith(("alone it can hold", "alone it can hold; the slowest layers are a"))


def test_what_cannot_hold_is_named_with_the_least_there_is() -> None:
    costs = costs_of([100, 2000, 300], 0)
    budget = Budget(flash_bytes=500, ram_bytes=10, ms=0.5)
    bits = search(problem(costs.sizes, costs, budget)).bits
    assert bits == uniform(costs, 2)
    time, flash, ram = binding(budget, costs.cost(bits), costs, bits)
    assert time.startswith("time: at most 0.5 ms wanted")
    assert flash == (
        "flash: at most 500 B wanted, 700 B is the least "
        "(600 B of it weights at 2 bits everywhere); "
        "the layers with most weights are layer1, layer2, layer0"
    )
    assert ram == (
        "RAM: at most 10 B wanted, 1,000 B is the least; the largest outputs are of layer0, layer1"
    )


@settings(deadline=None, max_examples=30)
@given(SIZES, st.integers(0, 10_000), st.floats(0, 1), st.floats(0, 1))
def test_bit_operations_hold_together_with_flash(
    sizes: list[int], seed: int, flash_share: float, bops_share: float
) -> None:
    costs = costs_of(sizes, seed)
    least, most = costs.cost(uniform(costs, 2)), costs.cost(uniform(costs, 8))
    budget = Budget(
        flash_bytes=least.flash_bytes + int(flash_share * (most.flash_bytes - least.flash_bytes)),
        bops=least.bops + int(bops_share * (most.bops - least.bops)),
    )
    for method in (search, greedy, integer_programming, random_search):
        walk = method(problem(costs.sizes, costs, budget, seed))
        assert holds(budget, costs.cost(walk.bits))
    few = Budget(bops=least.bops - 1)
    (words,) = binding(few, least, costs, uniform(costs, 2))
    assert words.startswith(f"bit operations: at most {few.bops:,} wanted, {least.bops:,} is")


def test_room_is_used_even_where_the_samples_see_no_gain() -> None:
    costs = costs_of([1000, 800, 900], 3)
    task = problem(costs.sizes, costs, Budget(flash_bytes=100 + 1200), 3)
    task.evaluator.importance = {"layer0": 1.0, "layer1": 0.0, "layer2": 0.0}  # type: ignore[attr-defined]
    bits = search(task).bits
    left = 1300 - costs.cost(bits).flash_bytes
    steps = [size * bits[name] // 8 for name, size in costs.sizes.items() if bits[name] < 8]
    assert all(left < more for more in steps), (bits, left)


def test_the_nearest_point_that_is_accurate_enough_is_found() -> None:
    costs = costs_of([100, 200, 300, 400], 1)
    task = problem(costs.sizes, costs, Budget(), 1)
    start = uniform(costs, 2)
    full = task.evaluator.quality(uniform(costs, 8)).accuracy
    few = task.evaluator.quality(start).accuracy
    found = nearest_accurate(task, start, (full + few) / 2)
    assert found.bits is not None
    assert task.evaluator.quality(found.bits).accuracy >= (full + few) / 2
    assert found.bits != uniform(costs, 8)
    worst = max(costs.sizes, key=lambda name: task.evaluator.importance[name])  # type: ignore[attr-defined]
    assert found.losing[0] == worst
    assert nearest_accurate(task, start, full + 0.01).bits is None


def test_exchanges_bring_the_network_closer() -> None:
    """The layer that matters and the one that does not are of one size: bits must move."""
    sizes = {"matters": 1000, "idle": 1000}
    times = {(name, bits): 1.0 for name in sizes for bits in BITS}
    costs = TableCosts(sizes, times)
    task = problem(sizes, costs, Budget(flash_bytes=100 + 1000 + 250))
    task.evaluator.importance = {"matters": 1.0, "idle": 0.0}  # type: ignore[attr-defined]
    bits = search(task).bits
    assert bits == {"matters": 8, "idle": 2}
