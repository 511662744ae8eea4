"""Other ways to choose bits, by the same costs and the same evaluator, to compare with."""

from __future__ import annotations

import numpy as np

from sqtvm.allocate.budget import BITS
from sqtvm.allocate.hessian import hessian_damage
from sqtvm.allocate.least_damage import Damage, least_damage
from sqtvm.allocate.moves import (
    FEWER,
    MORE,
    Problem,
    Walk,
    lower_until_it_holds,
    raise_while_it_holds,
)
from sqtvm.allocate.sensitivity import measured_damage
from sqtvm.progress import Progress


def uniform(problem: Problem) -> Walk:
    """The same bits everywhere: the most that the budget allows, else the fewest."""
    for bits in BITS:
        chosen = dict.fromkeys(problem.names, bits)
        if problem.holds(chosen) or bits == min(BITS):
            break
    walk = Walk.start(problem)
    walk.move(chosen, dict.fromkeys(problem.names, f"uniform: {bits} bits are the most that fit"))
    return walk


def greedy(problem: Problem) -> Walk:
    """Steps down from 8 bits, the least measured damage for what it saves first, then up again
    into what room is left."""
    walk = Walk.start(problem)
    if not walk.holds:
        damage = measured_damage(problem)
        lower_until_it_holds(walk, damage, "greedy: least sensitivity for what it saves")
        raise_while_it_holds(walk, damage, "greedy: room in the budget")
    return walk


def integer_programming(problem: Problem) -> Walk:
    """The least sum of measured damage that holds the budget."""
    walk = Walk.start(problem)
    if not walk.holds:
        _solve(walk, measured_damage(problem), "least sum of sensitivities")
    return walk


def hawq_v2(problem: Problem) -> Walk:
    """The least sum of trace-weighted rounding errors that holds the budget."""
    walk = Walk.start(problem)
    if not walk.holds:
        evaluator = problem.evaluator
        damage = hessian_damage(evaluator.graph, evaluator.traces)
        _solve(walk, damage, "least sum of trace-weighted errors")
    return walk


def random_search(problem: Problem) -> Walk:
    """The best of as many random allocations as the default method evaluates at most: two a
    layer and the exchanges. Each holds the budget and leaves no room for a step."""
    walk = Walk.start(problem)
    if not walk.holds:
        random = np.random.default_rng(problem.seed)
        evaluator = problem.evaluator
        trials = 2 * len(problem.names) + 1 + problem.maximum_trials
        best = _drawn(problem, random)
        for done in range(trials):
            trial = _drawn(problem, random) if done else best
            if not evaluator.clearly_worse(trial, best) and (
                evaluator.quality(trial).divergence < evaluator.quality(best).divergence
            ):
                best = trial
            problem.on_progress(Progress("allocate", "random allocations", done + 1, trials))
        walk.move(best, dict.fromkeys(problem.names, "best of random allocations"))
    return walk


def _solve(walk: Walk, damage: Damage, reason: str) -> None:
    problem = walk.problem
    solved = least_damage(problem.names, problem.budget, problem.costs, damage)
    if solved is not None:
        walk.move(solved, dict.fromkeys(problem.names, reason))


def _drawn(problem: Problem, random: np.random.Generator) -> dict[str, int]:
    """Any bits, then steps down of random layers until the budget holds, then steps up."""
    names = problem.names
    bits = {
        name: BITS[choice]
        for name, choice in zip(names, random.integers(0, 3, len(names)), strict=False)
    }
    while not problem.holds(bits):
        lower = [name for name in names if bits[name] in FEWER]
        if not lower:
            # Fewer bits can be slower: the solver knows some that hold.
            found = least_damage(names, problem.budget, problem.costs, lambda *_: 0.0)
            return dict(found) if found is not None else bits
        name = lower[int(random.integers(len(lower)))]
        bits[name] = FEWER[bits[name]]
    for index in random.permutation(len(names)):
        name = names[index]
        while bits[name] in MORE and problem.holds({**bits, name: MORE[bits[name]]}):
            bits[name] = MORE[bits[name]]
    return bits
