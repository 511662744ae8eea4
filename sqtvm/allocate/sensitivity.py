"""What fewer bits in one layer alone do to the network's outputs, measured."""

from __future__ import annotations

from collections.abc import Mapping

from sqtvm.allocate.budget import BITS
from sqtvm.allocate.least_damage import Damage
from sqtvm.allocate.moves import Problem
from sqtvm.progress import Progress


def measured_damage(problem: Problem) -> Damage:
    """The damage of a step by the integer network itself: mean KL divergence in nats of its class
    probabilities from the float network's, with one layer at fewer bits and all others at 8.

    Evaluates two networks a layer, each once for all searches with the same evaluator.
    """
    full = dict.fromkeys(problem.names, BITS[0])
    whole = problem.evaluator.quality(full).divergence
    table: dict[str, Mapping[int, float]] = {}
    for done, name in enumerate(problem.names):
        problem.on_progress(
            Progress("allocate", f"sensitivity of {name}", done, len(problem.names))
        )
        table[name] = {
            bits: problem.evaluator.quality({**full, name: bits}).divergence - whole
            for bits in BITS
        }

    def damage(name: str, before: int, after: int) -> float:
        return table[name][after] - table[name][before]

    return damage
