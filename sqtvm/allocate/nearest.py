"""What would have to give way where a budget cannot hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqtvm.allocate.budget import BITS
from sqtvm.allocate.moves import MORE, Problem
from sqtvm.allocate.sensitivity import measured_damage


@dataclass(frozen=True)
class AccurateEnough:
    """losing: the layers whose bits cost most, the worst first; bits: the nearest that lose
    little enough, or None where not even 8 bits everywhere do."""

    losing: tuple[str, ...]
    bits: Mapping[str, int] | None


def nearest_accurate(
    problem: Problem, bits: Mapping[str, int], least_accuracy: float
) -> AccurateEnough:
    """Where to go from ``bits`` for an accuracy, on the guiding samples, limits left aside.

    Steps up are ordered by the damage that they take away, measured one layer at a time; the
    fewest that suffice are found by bisection, a handful of evaluations.
    """
    damage = measured_damage(problem)

    def lost(name: str) -> float:
        return damage(name, BITS[0], bits[name])

    losing = sorted((name for name in bits if bits[name] in MORE), key=lost, reverse=True)[:3]
    path = [dict(bits)]
    while any(value in MORE for value in path[-1].values()):
        last = path[-1]
        name = min(
            (name for name in last if last[name] in MORE),
            key=lambda name: damage(name, last[name], MORE[last[name]]),
        )
        path.append({**last, name: MORE[last[name]]})

    def suffices(index: int) -> bool:
        return problem.evaluator.quality(path[index]).accuracy >= least_accuracy

    low, high = 0, len(path) - 1
    if not suffices(high):
        return AccurateEnough(tuple(losing), None)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if suffices(middle) else (middle, high)
    return AccurateEnough(tuple(losing), path[high])
