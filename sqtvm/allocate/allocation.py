"""What the allocate stage hands on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqtvm.allocate.budget import Cost


@dataclass(frozen=True)
class LayerStatistics:
    """What the choice of a layer's bits rests on.

    sigma: standard deviation of the folded weights, each output channel divided by its largest
    magnitude; cluster: 0 is the narrowest; kl: divergence in nats of the quantized from the
    float weights, by bits.
    """

    name: str
    sigma: float
    cluster: int
    kl: Mapping[int, float]


@dataclass(frozen=True)
class Decision:
    """One change of one layer's bits, in the order they were made.

    A trial that was not kept has an entry for each layer that it would have changed;
    ``cost_after`` and ``accuracy`` are then of the whole trial.
    """

    layer: str
    bits_before: int
    bits_after: int
    reason: str
    kl_before: float
    kl_after: float
    cost_before: Cost
    cost_after: Cost
    accuracy: float | None
    kept: bool


@dataclass(frozen=True)
class Allocation:
    """Bits of every weighted layer and why.

    accuracy: of the integer model on the samples that guided the search, a fraction, with the
    weights that the search trained where it trains; divergence: on them too, mean KL in nats of the
    class probabilities from the float network's; feasible: whether the predicted cost and the
    accuracy hold the budget; binding: what does not hold, in words, empty if feasible;
    activation_bits: of each tensor that has not 8.
    """

    weight_bits: Mapping[str, int]
    method: str
    accuracy: float
    cost: Cost
    feasible: bool
    binding: tuple[str, ...]
    layers: tuple[LayerStatistics, ...]
    decisions: tuple[Decision, ...]
    evaluations: int
    divergence: float
    activation_bits: Mapping[str, int] = field(default_factory=dict)
