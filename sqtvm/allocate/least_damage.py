"""The bits that hold several limits at once with the least damage, exactly, by integer programming.

Every layer takes one choice of bits; what a choice costs is taken from the cost model one layer at
a time, so the answer is exact where layers' costs add up. scipy's HiGHS solves it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp

from sqtvm.allocate.budget import BITS, Budget, CostModel
from sqtvm.allocate.limits import holds, shares

Damage: TypeAlias = Callable[[str, int, int], float]
"""What is lost by taking a layer from the first bits to the second; negative where it gains."""

# Of each limit: how far the solver's answer may be over it by its own tolerance.
_TOLERANCE = 2e-6
_LARGEST_LOSS = 1e3


def least_damage(
    names: Sequence[str], budget: Budget, costs: CostModel, damage: Damage
) -> Mapping[str, int] | None:
    """The bits with the least sum of ``damage`` from 8 bits that hold ``budget``; None if none do.

    Of several limits, all hold together.
    """
    losses = np.array([damage(name, BITS[0], bits) for name in names for bits in BITS])
    # HiGHS stops within an absolute 1e-6 of the least, whatever the unit.
    losses *= _LARGEST_LOSS / max(np.abs(losses).max(), 1e-30)
    for margin in (0.0, _TOLERANCE):
        bits = _solve(names, budget, costs, losses, margin)
        if bits is not None and holds(budget, costs.cost(bits)):
            return bits
    return None


def reachable(names: Sequence[str], budget: Budget, costs: CostModel) -> Budget:
    """``budget`` where it can hold; else with the limits that must give way moved as little as
    they can, by the sum of their shares."""
    nearest = _nearest(names, budget, costs)
    cost = costs.cost(nearest)
    moved = budget
    for limit, share in shares(budget, cost).items():
        if share > 0:
            moved = replace(moved, **{limit: getattr(cost, limit)})
    return moved


def _nearest(names: Sequence[str], budget: Budget, costs: CostModel) -> Mapping[str, int]:
    held = least_damage(names, budget, costs, lambda name, before, after: 0.0)
    if held is not None:
        return held
    bits = _solve(names, budget, costs, np.zeros(len(names) * len(BITS)), None)
    return bits if bits is not None else dict.fromkeys(names, min(BITS))


def _solve(
    names: Sequence[str],
    budget: Budget,
    costs: CostModel,
    losses: NDArray[np.float64],
    margin: float | None,
) -> Mapping[str, int] | None:
    """margin: by how much of itself each limit must hold; None lets limits break, for a price
    far above any loss. Variables: one 0 or 1 a layer and choice, then one excess a limit."""
    rows, room = _limits(names, budget, costs)
    choices, limits = len(names) * len(BITS), len(rows)
    one_each = np.kron(np.eye(len(names)), np.ones(len(BITS)))
    result = milp(
        np.concatenate([losses, np.ones(limits)]),
        integrality=np.concatenate([np.ones(choices), np.zeros(limits)]),
        bounds=Bounds(
            0, np.concatenate([np.ones(choices), np.full(limits, np.inf if margin is None else 0)])
        ),
        constraints=[
            LinearConstraint(np.hstack([one_each, np.zeros((len(names), limits))]), 1, 1),
            LinearConstraint(np.hstack([rows, -np.eye(limits)]), -np.inf, room - (margin or 0)),
        ],
        # With presolve HiGHS now and then writes to standard output, which is not ours to use.
        options={"mip_rel_gap": 0.0, "presolve": False},
    )
    if result.x is None:
        return None
    chosen = result.x[:choices].reshape(len(names), len(BITS)).argmax(axis=1)
    return {name: BITS[choice] for name, choice in zip(names, chosen, strict=True)}


def _limits(
    names: Sequence[str], budget: Budget, costs: CostModel
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What each choice adds to 8 bits everywhere, [limits, choices], and what may be added, both
    as shares of the limits."""
    full = dict.fromkeys(names, BITS[0])
    base = shares(budget, costs.cost(full))
    added = [shares(budget, costs.cost({**full, name: bits})) for name in names for bits in BITS]
    rows = np.array([[entry[limit] - base[limit] for entry in added] for limit in base])
    return rows.reshape(len(base), len(added)), -np.array(list(base.values()))
