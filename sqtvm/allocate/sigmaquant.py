"""SigmaQuant: first bits by the spread of the weights, then refinement guided by KL divergence.

docs/sigmaquant.md tells the algorithm step by step, and what of it is the paper's.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sqtvm.allocate.allocation import Decision
from sqtvm.allocate.budget import BITS, Budget, CostModel
from sqtvm.allocate.evaluate import Evaluator, Quality
from sqtvm.allocate.limits import exceeded, holds
from sqtvm.allocate.sigma_clusters import cluster_bits
from sqtvm.allocate.statistics import WeightStatistics
from sqtvm.progress import OnProgress, Progress, silent

_FEWER = dict(itertools.pairwise(BITS))
_MORE = {fewer: more for more, fewer in _FEWER.items()}


@dataclass(frozen=True, eq=False)
class Problem:
    """What the search is given; sizes: weights of each layer, by name."""

    statistics: Mapping[str, WeightStatistics]
    clusters: Mapping[str, int]
    sizes: Mapping[str, int]
    budget: Budget
    costs: CostModel
    evaluator: Evaluator
    maximum_evaluations: int
    on_progress: OnProgress = silent


@dataclass
class _Search:
    problem: Problem
    bits: dict[str, int]
    decisions: list[Decision] = field(default_factory=list)

    def change(self, layer: str, bits: int, reason: str, quality: Quality | None = None) -> None:
        before = dict(self.bits)
        self.bits[layer] = bits
        self._record(layer, before, reason, quality, kept=True)

    def reject(self, layer: str, bits: int, reason: str, quality: Quality) -> None:
        before = dict(self.bits)
        self.bits[layer] = bits
        self._record(layer, before, reason, quality, kept=False)
        self.bits = before

    def _record(
        self,
        layer: str,
        before: Mapping[str, int],
        reason: str,
        quality: Quality | None,
        kept: bool,
    ) -> None:
        kl = self.problem.statistics[layer].kl
        self.decisions.append(
            Decision(
                layer,
                before[layer],
                self.bits[layer],
                reason,
                kl[before[layer]],
                kl[self.bits[layer]],
                self.problem.costs.cost(before),
                self.problem.costs.cost(self.bits),
                quality.accuracy if quality else None,
                kept,
            )
        )


def search(problem: Problem) -> tuple[Mapping[str, int], tuple[Decision, ...]]:
    """Bits of every layer, and every decision on the way from 8 bits everywhere."""
    state = _Search(problem, dict.fromkeys(problem.statistics, BITS[0]))
    if not holds(problem.budget, problem.costs.cost(state.bits)):
        _first_bits(state)
        _lower_until_it_holds(state)
        _raise_while_it_holds(state, "room in the budget")
        _exchange(state)
    return state.bits, tuple(state.decisions)


def _first_bits(state: _Search) -> None:
    """Phase 1: the most bits by cluster that the budget allows, wider clusters never fewer."""
    problem = state.problem
    count = max(problem.clusters.values()) + 1
    chosen: Mapping[str, int] = {}
    for way in cluster_bits(count):
        chosen = {name: way[cluster] for name, cluster in problem.clusters.items()}
        if holds(problem.budget, problem.costs.cost(chosen)):
            break
    for name, bits in chosen.items():
        if bits != state.bits[name]:
            state.change(name, bits, f"phase 1: cluster {problem.clusters[name]} by sigma")


def _damage(problem: Problem, name: str, before: int, after: int) -> float:
    """Divergence that a change of bits adds to the whole: per weight, so times the weights."""
    kl = problem.statistics[name].kl
    return (kl[after] - kl[before]) * problem.sizes[name]


def _gain(problem: Problem, bits: Mapping[str, int], name: str, after: int) -> float:
    """How far a change brings the cost below where it was, in shares of the worst limit."""
    now = exceeded(problem.budget, problem.costs.cost(bits))
    then = exceeded(problem.budget, problem.costs.cost({**bits, name: after}))
    return now - then


def _lower_until_it_holds(state: _Search) -> None:
    """Phase 2, downwards: the least divergence for what is gained."""
    problem = state.problem
    while not holds(problem.budget, problem.costs.cost(state.bits)):
        best, best_rate = None, float("inf")
        for name, bits in state.bits.items():
            if bits not in _FEWER:
                continue
            gain = _gain(problem, state.bits, name, _FEWER[bits])
            if gain <= 0:
                continue
            rate = _damage(problem, name, bits, _FEWER[bits]) / gain
            if rate < best_rate:
                best, best_rate = name, rate
        if best is None:
            return
        state.change(best, _FEWER[state.bits[best]], "phase 2: least KL for what it saves")


def _raise_while_it_holds(state: _Search, why: str) -> None:
    """Phase 2, upwards: spend what the budget leaves where it takes most divergence away."""
    problem = state.problem
    while True:
        best, best_damage = None, 0.0
        for name, bits in state.bits.items():
            if bits not in _MORE:
                continue
            raised = {**state.bits, name: _MORE[bits]}
            if not holds(problem.budget, problem.costs.cost(raised)):
                continue
            damage = _damage(problem, name, _MORE[bits], bits)
            if damage > best_damage:
                best, best_damage = name, damage
        if best is None:
            return
        state.change(best, _MORE[state.bits[best]], f"phase 2: {why}")


def _exchange(state: _Search) -> None:
    """Phase 2, sideways: bits from one layer to another, kept where the integer network gets
    closer to the float one. The order of trials is KL's; the verdict is measured."""
    problem = state.problem
    best = problem.evaluator.quality(state.bits)
    improved = True
    while improved and problem.evaluator.evaluations < problem.maximum_evaluations:
        improved = False
        for raised in _by_damage(state):
            if problem.evaluator.evaluations >= problem.maximum_evaluations:
                return
            candidate = _make_room(state, raised)
            if candidate is None:
                continue
            quality = problem.evaluator.quality(candidate)
            changed = [name for name in candidate if candidate[name] != state.bits[name]]
            accuracy = f"accuracy {100 * quality.accuracy:.2f} %"
            problem.on_progress(
                Progress(
                    "allocate",
                    f"{raised} to {candidate[raised]} bits: {accuracy}",
                    problem.evaluator.evaluations,
                    problem.maximum_evaluations,
                )
            )
            if quality.divergence < best.divergence:
                for name in changed:
                    reason = "gets bits" if name == raised else f"gives bits to {raised}"
                    state.change(name, candidate[name], f"phase 2: {reason}", quality)
                best = quality
                improved = True
                break
            state.reject(raised, candidate[raised], "phase 2: no gain by more bits", quality)


def _by_damage(state: _Search) -> Iterator[str]:
    """Layers that could have more bits, the most divergence a byte first."""
    problem = state.problem

    def rate(name: str) -> float:
        bits = state.bits[name]
        return _damage(problem, name, _MORE[bits], bits) / problem.sizes[name]

    names = [name for name, bits in state.bits.items() if bits in _MORE]
    yield from sorted(names, key=lambda name: (-rate(name), name))


def _make_room(state: _Search, raised: str) -> dict[str, int] | None:
    """The bits with ``raised`` a step up and others stepped down until the budget holds again."""
    problem = state.problem
    candidate = {**state.bits, raised: _MORE[state.bits[raised]]}
    while not holds(problem.budget, problem.costs.cost(candidate)):
        givers = [name for name, bits in candidate.items() if bits in _FEWER and name != raised]
        gains = {name: _gain(problem, candidate, name, _FEWER[candidate[name]]) for name in givers}
        useful = [name for name in givers if gains[name] > 0]
        if not useful:
            return None
        giver = min(
            useful,
            key=lambda name: (
                _damage(problem, name, candidate[name], _FEWER[candidate[name]]) / gains[name]
            ),
        )
        candidate[giver] = _FEWER[candidate[giver]]
    return candidate
