from __future__ import annotations

import itertools
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqtvm.allocate.budget import BITS, Budget
from sqtvm.allocate.least_damage import Damage, least_damage, reachable
from sqtvm.allocate.limits import holds, shares
from tests.allocate.problems import TableCosts

# Bytes at 8 bits and measured damage at 4 and 2 bits of a ResNet-8, with which HiGHS's presolve
# writes to standard output at some budgets.
RESNET8 = {
    "conv": (144, 0.00195, 0.06689),
    "stack1.conv1": (2304, 0.00176, 0.12463),
    "stack1.conv2": (2304, 0.00066, 0.04788),
    "stack2.conv1": (4608, 0.00025, 0.01441),
    "stack2.conv2": (9216, 0.00062, 0.04966),
    "stack2.shortcut": (512, 1e-5, 0.00016),
    "stack3.conv1": (18432, 0.00031, 0.01818),
    "stack3.conv2": (36864, 9e-5, 0.00508),
    "stack3.shortcut": (2048, -1e-6, -2e-6),
    "linear": (640, 0.0005, 0.01049),
}


def drawn(layers: int, seed: int) -> tuple[TableCosts, Damage]:
    random = np.random.default_rng(seed)
    names = [f"layer{number}" for number in range(layers)]
    sizes = {name: int(random.integers(16, 5000)) for name in names}
    times = {(name, bits): float(random.uniform(1, 2)) for name in names for bits in BITS}
    loss = {
        (name, bits): value
        for name in names
        for bits, value in zip(BITS, np.cumsum([0, *10 ** random.uniform(-5, 0, 2)]), strict=True)
    }

    def damage(name: str, before: int, after: int) -> float:
        return float(loss[name, after] - loss[name, before])

    return TableCosts(sizes, times), damage


def every_way(costs: TableCosts) -> list[dict[str, int]]:
    names = list(costs.sizes)
    return [
        dict(zip(names, way, strict=True)) for way in itertools.product(BITS, repeat=len(names))
    ]


def total(damage: Damage, bits: dict[str, int]) -> float:
    return sum(damage(name, 8, chosen) for name, chosen in bits.items())


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 5), st.integers(0, 10_000), st.floats(0.5, 1.1), st.floats(0.3, 1.1))
def test_the_answer_is_that_of_trying_every_way(
    layers: int, seed: int, time_share: float, flash_share: float
) -> None:
    costs, damage = drawn(layers, seed)
    full = costs.cost(dict.fromkeys(costs.sizes, 8))
    budget = Budget(ms=full.ms * time_share, flash_bytes=int(full.flash_bytes * flash_share))
    holding = [bits for bits in every_way(costs) if holds(budget, costs.cost(bits))]
    found = least_damage(list(costs.sizes), budget, costs, damage)
    assert (found is not None) == bool(holding)
    if found is not None:
        assert holds(budget, costs.cost(found))
        least = min(total(damage, bits) for bits in holding)
        assert total(damage, dict(found)) == pytest.approx(least, rel=1e-5, abs=1e-8)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 4), st.integers(0, 10_000), st.floats(0.3, 1.1), st.floats(0.1, 1.1))
def test_limits_that_cannot_hold_give_way_as_little_as_they_can(
    layers: int, seed: int, time_share: float, flash_share: float
) -> None:
    costs, _ = drawn(layers, seed)
    full = costs.cost(dict.fromkeys(costs.sizes, 8))
    budget = Budget(ms=full.ms * time_share, flash_bytes=int(full.flash_bytes * flash_share))

    def excess(bits: dict[str, int]) -> float:
        return sum(max(share, 0.0) for share in shares(budget, costs.cost(bits)).values())

    moved = reachable(list(costs.sizes), budget, costs)
    ways = every_way(costs)
    least = min(excess(bits) for bits in ways)
    assert any(holds(moved, costs.cost(bits)) for bits in ways)
    assert moved.ms is not None
    assert moved.flash_bytes is not None
    assert budget.ms is not None
    assert budget.flash_bytes is not None
    given_way = moved.ms / budget.ms - 1 + moved.flash_bytes / budget.flash_bytes - 1
    assert given_way == pytest.approx(least, rel=1e-4, abs=1e-6)
    if least == 0:
        assert moved == budget


def test_a_limit_that_nothing_changes_leaves_the_others_as_they_are() -> None:
    costs, _ = drawn(4, 0)
    least = costs.cost(dict.fromkeys(costs.sizes, 2)).flash_bytes
    moved = reachable(list(costs.sizes), Budget(flash_bytes=least, ram_bytes=10), costs)
    assert moved == Budget(flash_bytes=least, ram_bytes=1000)


def write_nothing() -> None:
    """Run in a process of its own: the solver's C code has its own buffer of standard output."""
    sizes = {name: size for name, (size, _, _) in RESNET8.items()}
    costs = TableCosts(sizes, {(name, bits): 1.0 for name in sizes for bits in BITS})

    def damage(name: str, before: int, after: int) -> float:
        loss = dict(zip(BITS, (0.0, *RESNET8[name][1:]), strict=True))
        return loss[after] - loss[before]

    for share in np.linspace(0.26, 0.95, 60):
        budget = Budget(flash_bytes=100 + int(share * sum(sizes.values())))
        assert least_damage(list(sizes), budget, costs, damage) is not None


def test_the_solver_does_not_print() -> None:
    code = "from tests.allocate.test_least_damage import write_nothing; write_nothing()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
