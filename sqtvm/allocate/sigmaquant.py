"""SigmaQuant: first bits by the spread of the weights, then refinement guided by KL divergence,
and beyond the paper by what each layer's bits do to the outputs.

docs/sigmaquant.md tells the algorithm step by step, and what of it is the paper's.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqtvm.allocate.allocation import Decision
from sqtvm.allocate.evaluate import Quality
from sqtvm.allocate.least_damage import Damage, least_damage
from sqtvm.allocate.moves import (
    MORE,
    Problem,
    Walk,
    exchanged,
    lower_until_it_holds,
    raise_while_it_holds,
)
from sqtvm.allocate.sensitivity import measured_damage
from sqtvm.allocate.sigma_clusters import cluster_bits
from sqtvm.progress import Progress


def search(problem: Problem) -> tuple[Mapping[str, int], tuple[Decision, ...]]:
    """Bits of every layer, and every decision on the way from 8 bits everywhere."""
    walk = _by_weights(problem)
    if any(bits in MORE for bits in walk.bits.values()):
        _measure(walk)
    return walk.bits, tuple(walk.decisions)


def search_by_weights(problem: Problem) -> tuple[Mapping[str, int], tuple[Decision, ...]]:
    """The two phases by sigma and KL divergence of the weights alone: no network is evaluated."""
    walk = _by_weights(problem)
    return walk.bits, tuple(walk.decisions)


def _by_weights(problem: Problem) -> Walk:
    walk = Walk.start(problem)
    if not walk.holds:
        _first_bits(walk)
        damage = _weight_divergence(problem)
        lower_until_it_holds(walk, damage, "phase 2: least KL for what it saves")
        _solve_if_stuck(walk, damage)
        raise_while_it_holds(walk, damage, "phase 2: room in the budget")
    return walk


def _weight_divergence(problem: Problem) -> Damage:
    """The damage of a step by the weights alone: KL divergence a weight, times the weights."""

    def damage(name: str, before: int, after: int) -> float:
        kl = problem.statistics[name].kl
        return (kl[after] - kl[before]) * problem.sizes[name]

    return damage


def _first_bits(walk: Walk) -> None:
    """Phase 1: the most bits by cluster that the budget allows, wider clusters never fewer."""
    clusters = walk.problem.clusters
    chosen: Mapping[str, int] = walk.bits
    for way in cluster_bits(max(clusters.values()) + 1):
        chosen = {name: way[cluster] for name, cluster in clusters.items()}
        if walk.problem.holds(chosen):
            break
    reasons = {name: f"phase 1: cluster {cluster} by sigma" for name, cluster in clusters.items()}
    walk.move(chosen, reasons)


def _solve_if_stuck(walk: Walk, damage: Damage) -> None:
    """Fewer bits can be slower, so steps down do not always lead where time and flash hold."""
    problem = walk.problem
    if walk.holds:
        return
    solved = least_damage(problem.names, problem.budget, problem.costs, damage)
    if solved is not None:
        why = "phase 2: least KL where all limits hold together"
        walk.move(solved, dict.fromkeys(problem.names, why))


def _measure(walk: Walk) -> None:
    """Phase 2 with the network's own verdict: what each layer's bits do to the outputs is
    measured, and changes are kept where the outputs come closer to the float network's."""
    problem = walk.problem
    best = problem.evaluator.quality(walk.bits)
    damage = measured_damage(problem)
    planned = least_damage(problem.names, problem.budget, problem.costs, damage)
    if planned is not None and planned != walk.bits:
        reasons = dict.fromkeys(problem.names, "phase 2: least measured sensitivity")
        best = _try(walk, planned, reasons, best)
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
                return
            tried.add(tuple(trial.values()))
            trials += 1
            reasons = dict.fromkeys(problem.names, f"phase 2: makes room for {raised}")
            reasons[raised] = "phase 2: gets bits from others"
            after = _try(walk, trial, reasons, best)
            accuracy = f"accuracy {100 * after.accuracy:.2f} %"
            message = f"{trials} exchanges tried, {accuracy}"
            problem.on_progress(Progress("allocate", message, trials, problem.maximum_trials))
            if after is not best:
                best, improved = after, True
                break


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
