"""The default: from SigmaQuant's bits on, by what each layer's bits do to the network's outputs.

docs/sigmaquant.md tells the algorithm step by step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqtvm.allocate import baselines, sigmaquant
from sqtvm.allocate.evaluate import BY_CHANCE
from sqtvm.allocate.least_damage import Damage
from sqtvm.allocate.moves import MORE, Problem, Walk, exchanged, step_up
from sqtvm.allocate.sensitivity import measured_damage
from sqtvm.allocate.sigmaquant import weight_divergence
from sqtvm.progress import Progress

# What other guides would choose is tried too.
_GUIDES = (
    (baselines.integer_programming, "least sum of measured sensitivities"),
    (baselines.greedy, "least measured sensitivity for what it saves"),
    (baselines.hawq_v2, "least sum of trace-weighted errors"),
    (baselines.uniform, "the most bits alike everywhere"),
)

_Plan = tuple[Mapping[str, int], str]


def search(problem: Problem) -> Walk:
    """Bits of every layer, and every decision on the way from 8 bits everywhere."""
    walk = sigmaquant.search(problem)
    if any(bits in MORE for bits in walk.bits.values()):
        _measure(walk)
    return walk


def _measure(walk: Walk) -> None:
    """Phase 2 with the network's own verdict: what each layer's bits do to the outputs is
    measured, and changes are kept where the outputs come closer to the float network's."""
    problem = walk.problem
    plans = [(dict(walk.bits), "least KL of the weights"), *_plans(problem)]
    for planned, reason in plans:
        if planned != walk.bits:
            _try(walk, planned, dict.fromkeys(problem.names, reason))
    _exchange(walk, measured_damage(problem))
    _decide(walk, plans)
    _fill(walk)


def _plans(problem: Problem) -> list[_Plan]:
    found = [(search(problem).bits, reason) for search, reason in _GUIDES]
    return [(bits, reason) for bits, reason in found if problem.holds(bits)]


def _decide(walk: Walk, plans: Sequence[_Plan]) -> None:
    """The last choice among what a thousand samples cannot tell apart, by more samples."""
    evaluator = walk.problem.evaluator
    rivals = {
        tuple(bits.values()): (bits, reason)
        for bits, reason in plans
        if not evaluator.clearly_worse(bits, walk.bits)
        and not evaluator.clearly_worse(bits, walk.bits, evaluator.samples)
    }
    rivals.pop(tuple(walk.bits.values()), None)
    for bits, reason in rivals.values():
        quality = evaluator.final_quality(bits)
        reasons = dict.fromkeys(bits, f"{reason}, by {len(evaluator.guide):,} samples")
        if quality.divergence < evaluator.final_quality(walk.bits).divergence:
            walk.move(bits, reasons, quality)
        else:
            walk.reject(bits, reasons, quality)


def _exchange(walk: Walk, damage: Damage) -> None:
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
                return
            tried.add(tuple(trial.values()))
            trials += 1
            reasons = dict.fromkeys(problem.names, f"makes room for {raised}")
            reasons[raised] = "gets bits from others"
            improved = _try(walk, trial, reasons)
            accuracy = 100 * problem.evaluator.quality(walk.bits).accuracy
            message = f"{trials} exchanges tried, accuracy {accuracy:.2f} %"
            problem.on_progress(Progress("allocate", message, trials, problem.maximum_trials))
            if improved:
                break


def _fill(walk: Walk) -> None:
    """Steps up into room that is left, even where the samples see no gain in them: what the
    budget allows is used, unless the outputs move away by more than chance would have it."""
    problem = walk.problem
    damage = weight_divergence(problem)
    most = problem.evaluator.quality(walk.bits).divergence * BY_CHANCE
    refused: set[str] = set()

    def wanted(name: str, before: int, after: int) -> float:
        return 0.0 if name in refused else min(damage(name, before, after), -1e-12)

    while (name := step_up(problem, walk.bits, wanted)) is not None:
        trial = {**walk.bits, name: MORE[walk.bits[name]]}
        quality = problem.evaluator.quality(trial)
        if quality.divergence <= most:
            walk.move(trial, {name: "room in the budget"}, quality)
        else:
            walk.reject(trial, {name: "room in the budget"}, quality)
            refused.add(name)


def _try(walk: Walk, trial: Mapping[str, int], reasons: Mapping[str, str]) -> bool:
    """Goes to the trial where it is the better of the two."""
    evaluator = walk.problem.evaluator
    if evaluator.clearly_worse(trial, walk.bits):
        walk.reject(trial, reasons, evaluator.glance(trial))
        return False
    quality = evaluator.quality(trial)
    if quality.divergence < evaluator.quality(walk.bits).divergence:
        walk.move(trial, reasons, quality)
        return True
    walk.reject(trial, reasons, quality)
    return False


def _by_damage(walk: Walk, damage: Damage) -> list[str]:
    """Layers that could have more bits, those first that take most damage away."""
    names = [name for name, bits in walk.bits.items() if bits in MORE]
    return sorted(names, key=lambda name: damage(name, walk.bits[name], MORE[walk.bits[name]]))
