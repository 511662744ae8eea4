"""What fewer bits in one layer alone do to the network's outputs, measured."""

from __future__ import annotations

from collections.abc import Mapping

from sqtvm.allocate.budget import BITS
from sqtvm.allocate.evaluate import Evaluator
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
        if not all(problem.evaluator.knows({**full, name: bits}) for bits in BITS):
            message = f"sensitivity of {name}"
            problem.on_progress(Progress("allocate", message, done, len(problem.names)))
        table[name] = {
            bits: problem.evaluator.quality({**full, name: bits}).divergence - whole
            for bits in BITS
        }

    def damage(name: str, before: int, after: int) -> float:
        return table[name][after] - table[name][before]

    return damage


# Of the steps down, the one by which layers can be compared.
_COMPARED = BITS[1]


def sensitivities(
    weight_bits: Mapping[str, int], evaluator: Evaluator
) -> Mapping[str, Mapping[int, float]]:
    """By layer and bits: the divergence in nats that the layer alone at these bits adds to that of
    8 bits everywhere.

    At 4 bits, at the chosen bits, and at whatever the search has evaluated. Empty where all layers
    keep 8 bits: then nothing had to be compared.
    """
    full = dict.fromkeys(weight_bits, BITS[0])
    if full == dict(weight_bits):
        return {}
    whole = evaluator.quality(full).divergence
    found: dict[str, Mapping[int, float]] = {}
    for name, chosen in weight_bits.items():
        wanted = [
            bits
            for bits in BITS[1:]
            if bits in (chosen, _COMPARED) or evaluator.knows({**full, name: bits})
        ]
        found[name] = {
            bits: evaluator.quality({**full, name: bits}).divergence - whole for bits in wanted
        }
    return found
