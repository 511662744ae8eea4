"""SigmaQuant: first bits by the spread of the weights, then refinement guided by KL divergence.

docs/sigmaquant.md tells the algorithm step by step, and what of it is the paper's.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqtvm.allocate.least_damage import Damage, least_damage
from sqtvm.allocate.moves import (
    Problem,
    Walk,
    lower_until_it_holds,
    raise_while_it_holds,
)
from sqtvm.allocate.sigma_clusters import cluster_bits


def search(problem: Problem) -> Walk:
    """The two phases by sigma and KL divergence of the weights alone: no network is evaluated."""
    walk = Walk.start(problem)
    if not walk.holds:
        _first_bits(walk)
        damage = weight_divergence(problem)
        lower_until_it_holds(walk, damage, "phase 2: least KL for what it saves")
        _solve_if_stuck(walk, damage)
        raise_while_it_holds(walk, damage, "phase 2: room in the budget")
    return walk


def weight_divergence(problem: Problem) -> Damage:
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
