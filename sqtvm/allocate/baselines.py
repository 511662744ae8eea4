"""Other ways to choose bits, by the same costs and the same evaluator, to compare with."""

from __future__ import annotations

from collections.abc import Mapping

from sqtvm.allocate.allocation import Decision
from sqtvm.allocate.budget import BITS
from sqtvm.allocate.least_damage import least_damage
from sqtvm.allocate.moves import Problem, Walk, lower_until_it_holds, raise_while_it_holds
from sqtvm.allocate.sensitivity import measured_damage

Found = tuple[Mapping[str, int], tuple[Decision, ...]]


def uniform(problem: Problem) -> Found:
    """The same bits everywhere: the most that the budget allows, else the fewest."""
    for bits in BITS:
        chosen = dict.fromkeys(problem.names, bits)
        if problem.holds(chosen) or bits == min(BITS):
            break
    return chosen, ()


def greedy(problem: Problem) -> Found:
    """Steps down from 8 bits, the least measured damage for what it saves first, then up again
    into what room is left."""
    walk = Walk.start(problem)
    if not walk.holds:
        damage = measured_damage(problem)
        lower_until_it_holds(walk, damage, "greedy: least sensitivity for what it saves")
        raise_while_it_holds(walk, damage, "greedy: room in the budget")
    return walk.bits, tuple(walk.decisions)


def integer_programming(problem: Problem) -> Found:
    """The least sum of measured damage that holds the budget."""
    walk = Walk.start(problem)
    if not walk.holds:
        damage = measured_damage(problem)
        solved = least_damage(problem.names, problem.budget, problem.costs, damage)
        if solved is not None:
            walk.move(solved, dict.fromkeys(problem.names, "least sum of sensitivities"))
    return walk.bits, tuple(walk.decisions)
