"""Steps of single layers between bits, and the record of each."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch.nn.functional as functional

from sqtvm.allocate.allocation import Decision
from sqtvm.allocate.budget import BITS, Budget, CostModel
from sqtvm.allocate.evaluate import Evaluator, Quality
from sqtvm.allocate.least_damage import Damage
from sqtvm.allocate.limits import holds, shares
from sqtvm.allocate.statistics import WeightStatistics
from sqtvm.progress import OnProgress, silent
from sqtvm.quantize.loss import Loss

FEWER = dict(itertools.pairwise(BITS))
MORE = {fewer: more for more, fewer in FEWER.items()}


@dataclass(frozen=True, eq=False)
class Problem:
    """What a search is given; sizes: weights of each layer, by name.

    budget: must be one that can hold; maximum_trials: exchanges that may be evaluated; loss: what
    a search that trains lowers.
    """

    statistics: Mapping[str, WeightStatistics]
    clusters: Mapping[str, int]
    sizes: Mapping[str, int]
    budget: Budget
    costs: CostModel
    evaluator: Evaluator
    maximum_trials: int
    on_progress: OnProgress = silent
    seed: int = 0
    loss: Loss = functional.cross_entropy

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.statistics)

    def holds(self, bits: Mapping[str, int]) -> bool:
        return holds(self.budget, self.costs.cost(bits))


@dataclass
class Walk:
    """Where a search stands, and how it came there from 8 bits everywhere; trained: the quality at
    its bits of weights that the search trained, where it did."""

    problem: Problem
    bits: dict[str, int]
    decisions: list[Decision] = field(default_factory=list)
    trained: Quality | None = None

    @classmethod
    def start(cls, problem: Problem) -> Walk:
        return cls(problem, dict.fromkeys(problem.names, BITS[0]))

    @property
    def holds(self) -> bool:
        return self.problem.holds(self.bits)

    def move(
        self,
        target: Mapping[str, int],
        reasons: Mapping[str, str],
        quality: Quality | None = None,
    ) -> None:
        """Take each layer that differs to its bits in ``target``, one after the other.

        reasons: by layer; quality: of the whole target, where it was evaluated.
        """
        for name in self._changed(target):
            before = dict(self.bits)
            self.bits[name] = target[name]
            self._record(name, before, self.bits, reasons[name], quality, kept=True)

    def reject(
        self, target: Mapping[str, int], reasons: Mapping[str, str], quality: Quality
    ) -> None:
        """Record a whole trial that was evaluated and not kept."""
        for name in self._changed(target):
            self._record(name, self.bits, target, reasons[name], quality, kept=False)

    def _changed(self, target: Mapping[str, int]) -> list[str]:
        return [name for name in self.bits if target[name] != self.bits[name]]

    def _record(
        self,
        name: str,
        before: Mapping[str, int],
        after: Mapping[str, int],
        reason: str,
        quality: Quality | None,
        kept: bool,
    ) -> None:
        kl = self.problem.statistics[name].kl
        costs = self.problem.costs
        self.decisions.append(
            Decision(
                name,
                before[name],
                after[name],
                reason,
                kl[before[name]],
                kl[after[name]],
                costs.cost(before),
                costs.cost(after),
                quality.accuracy if quality else None,
                kept,
            )
        )


def step_down(
    problem: Problem, bits: Mapping[str, int], damage: Damage, keep: str | None = None
) -> str | None:
    """The layer whose step to fewer bits does the least damage for what it saves of the limits
    that are broken; None where no step saves anything. keep: a layer that must not step."""
    now = _broken(problem, bits)
    best, best_rate = None, float("inf")
    for name, current in bits.items():
        if current not in FEWER or name == keep:
            continue
        fewer = FEWER[current]
        gain = now - _broken(problem, {**bits, name: fewer})
        if gain <= 0:
            continue
        rate = max(damage(name, current, fewer), 0.0) / gain
        if rate < best_rate:
            best, best_rate = name, rate
    return best


def step_up(
    problem: Problem, bits: Mapping[str, int], damage: Damage, keep: str | None = None
) -> str | None:
    """The layer whose step to more bits takes most damage away while the budget holds; None
    where no step does. keep: a layer that must not step."""
    best, least = None, 0.0
    for name, current in bits.items():
        if current not in MORE or name == keep:
            continue
        more = MORE[current]
        change = damage(name, current, more)
        if change < least and problem.holds({**bits, name: more}):
            best, least = name, change
    return best


def lower_until_it_holds(walk: Walk, damage: Damage, reason: str) -> None:
    """Steps down until the budget holds, or no single step brings it nearer."""
    while not walk.holds:
        name = step_down(walk.problem, walk.bits, damage)
        if name is None:
            break
        walk.move({**walk.bits, name: FEWER[walk.bits[name]]}, {name: reason})


def raise_while_it_holds(walk: Walk, damage: Damage, reason: str) -> None:
    """Steps up into what room the budget leaves."""
    while (name := step_up(walk.problem, walk.bits, damage)) is not None:
        walk.move({**walk.bits, name: MORE[walk.bits[name]]}, {name: reason})


def exchanged(
    problem: Problem, bits: Mapping[str, int], raised: str, damage: Damage
) -> dict[str, int] | None:
    """``bits`` with one layer a step up, others stepped down until the budget holds again, and
    what room that leaves filled; None where no steps of others make room."""
    trial = {**bits, raised: MORE[bits[raised]]}
    while not problem.holds(trial):
        giver = step_down(problem, trial, damage, keep=raised)
        if giver is None:
            return None
        trial[giver] = FEWER[trial[giver]]
    while (name := step_up(problem, trial, damage, keep=raised)) is not None:
        trial[name] = MORE[trial[name]]
    return trial


def _broken(problem: Problem, bits: Mapping[str, int]) -> float:
    """The sum of what every broken limit is broken by, as shares."""
    broken = shares(problem.budget, problem.costs.cost(bits)).values()
    return sum(max(share, 0.0) for share in broken)
