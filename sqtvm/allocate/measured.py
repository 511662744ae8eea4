"""The default: from SigmaQuant's bits on, by what each layer's bits do to the network's outputs.

docs/sigmaquant.md tells the algorithm step by step.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqtvm.allocate.allocation import Decision
from sqtvm.allocate.evaluate import BY_CHANCE, Quality
from sqtvm.allocate.least_damage import Damage, least_damage
from sqtvm.allocate.moves import (
    MORE,
    Problem,
    Walk,
    exchanged,
    lower_until_it_holds,
    raise_while_it_holds,
    step_up,
)
from sqtvm.allocate.sensitivity import measured_damage
from sqtvm.allocate.sigmaquant import walk_by_weights, weight_divergence
from sqtvm.progress import Progress


def search(problem: Problem) -> tuple[Mapping[str, int], tuple[Decision, ...]]:
    """Bits of every layer, and every decision on the way from 8 bits everywhere."""
    walk = walk_by_weights(problem)
    if any(bits in MORE for bits in walk.bits.values()):
        _measure(walk)
    return walk.bits, tuple(walk.decisions)


def _measure(walk: Walk) -> None:
    """Phase 2 with the network's own verdict: what each layer's bits do to the outputs is
    measured, and changes are kept where the outputs come closer to the float network's."""
    problem = walk.problem
    best = problem.evaluator.quality(walk.bits)
    damage = measured_damage(problem)
    for planned, reason in _plans(problem, damage):
        if planned != walk.bits:
            best = _try(walk, planned, dict.fromkeys(problem.names, reason), best)
    best = _exchange(walk, damage, best)
    _fill(walk, best)


def _plans(problem: Problem, damage: Damage) -> list[tuple[Mapping[str, int], str]]:
    """What other guides would choose: each is tried once."""
    plans: list[tuple[Mapping[str, int], str]] = []
    planned = least_damage(problem.names, problem.budget, problem.costs, damage)
    if planned is not None:
        plans.append((planned, "least sum of measured sensitivities"))
    greedy = Walk.start(problem)
    lower_until_it_holds(greedy, damage, "")
    if greedy.holds:
        raise_while_it_holds(greedy, damage, "")
        plans.append((greedy.bits, "least measured sensitivity for what it saves"))
    return plans


def _exchange(walk: Walk, damage: Damage, best: Quality) -> Quality:
    """Bits go from one layer to another while that brings the outputs closer."""
    problem = walk.problem
    trials = 0
    tried = {tuple(walk.bits.values())}
    improved = True
    while improved:
        improved = False
        for raised in _by_damage(walk, damage):
            trial = exchanged(problem, walk.bits, raised, damage)
            if trial is None or tuple(trial.values()) in tried:
                continue
            if trials == problem.maximum_trials:
                return best
            tried.add(tuple(trial.values()))
            trials += 1
            reasons = dict.fromkeys(problem.names, f"makes room for {raised}")
            reasons[raised] = "gets bits from others"
            after = _try(walk, trial, reasons, best)
            accuracy = f"accuracy {100 * after.accuracy:.2f} %"
            message = f"{trials} exchanges tried, {accuracy}"
            problem.on_progress(Progress("allocate", message, trials, problem.maximum_trials))
            if after is not best:
                best, improved = after, True
                break
    return best


def _fill(walk: Walk, best: Quality) -> None:
    """Steps up into room that is left, even where the samples see no gain in them: what the
    budget allows is used, unless the outputs move away by more than chance would have it."""
    problem = walk.problem
    damage = weight_divergence(problem)
    refused: set[str] = set()

    def wanted(name: str, before: int, after: int) -> float:
        return 0.0 if name in refused else min(damage(name, before, after), -1e-12)

    while (name := step_up(problem, walk.bits, wanted)) is not None:
        trial = {**walk.bits, name: MORE[walk.bits[name]]}
        quality = problem.evaluator.quality(trial)
        if quality.divergence <= best.divergence * BY_CHANCE:
            walk.move(trial, {name: "room in the budget"}, quality)
        else:
            walk.reject(trial, {name: "room in the budget"}, quality)
            refused.add(name)


def _try(
    walk: Walk, trial: Mapping[str, int], reasons: Mapping[str, str], best: Quality
) -> Quality:
    """The better of the two qualities; the walk goes where it is."""
    quality = walk.problem.evaluator.quality(trial)
    if quality.divergence < best.divergence:
        walk.move(trial, reasons, quality)
        return quality
    walk.reject(trial, reasons, quality)
    return best


def _by_damage(walk: Walk, damage: Damage) -> list[str]:
    """Layers that could have more bits, those first that take most damage away."""
    names = [name for name, bits in walk.bits.items() if bits in MORE]
    return sorted(names, key=lambda name: damage(name, walk.bits[name], MORE[walk.bits[name]]))
