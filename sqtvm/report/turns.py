"""What the loop did, as the report tells it: rounds, their decisions, and the front."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import TypeAdapter

from sqtvm.allocate.allocation import Allocation
from sqtvm.allocate.budget import Cost
from sqtvm.report import schema

# The commands read this module for help too, which is to come without torch and TVM.
if TYPE_CHECKING:
    from sqtvm.front import FrontPoint
    from sqtvm.rounds import Round

SOURCE: TypeAdapter[schema.Source] = TypeAdapter(schema.Source)


def iteration_part(turn: Round, kept: bool) -> schema.IterationPart:
    """One round; kept: whether its firmware was left."""
    measurement = turn.realisation.measurement
    return schema.IterationPart(
        number=turn.number,
        weight_bits=dict(turn.allocation.weight_bits),
        method=turn.allocation.method,
        kernel_style=turn.kernel_style.value,
        predicted=_cost(turn.predicted),
        predicted_source=turn.predicted_source,
        ms=measurement.ms,
        ms_source=SOURCE.validate_python(measurement.ms_source),
        flash_bytes=measurement.memory.flash_bytes,
        ram_bytes=measurement.memory.ram_bytes,
        accuracy=_fraction(turn.allocation.accuracy),
        energy_mj=None if measurement.energy is None else measurement.energy.mj,
        failing=turn.failing,
        kept=kept,
        decisions=decision_parts(turn.allocation),
    )


def front_part(point: FrontPoint, kept: str) -> schema.FrontPart:
    """One measured allocation; kept: the label of the one whose firmware was left."""
    measurement = point.measurement
    energy = measurement.energy
    return schema.FrontPart(
        label=point.label,
        weight_bits=dict(point.weight_bits),
        kernel_style=point.style.value,
        accuracy=_fraction(point.accuracy),
        ms=measurement.ms,
        ms_source=SOURCE.validate_python(measurement.ms_source),
        flash_bytes=measurement.memory.flash_bytes,
        ram_bytes=measurement.memory.ram_bytes,
        energy_mj=None if energy is None else energy.mj,
        on_front=point.on_front,
        kept=point.label == kept,
    )


def decision_parts(allocation: Allocation) -> tuple[schema.DecisionPart, ...]:
    """Every decision on the way to the allocation, in order."""
    statistics = {layer.name: layer for layer in allocation.layers}
    return tuple(
        schema.DecisionPart(
            layer=decision.layer,
            sigma=statistics[decision.layer].sigma,
            cluster=statistics[decision.layer].cluster,
            bits_before=decision.bits_before,
            bits_after=decision.bits_after,
            reason=decision.reason,
            kl_before=decision.kl_before,
            kl_after=decision.kl_after,
            cost_before=_cost(decision.cost_before),
            cost_after=_cost(decision.cost_after),
            accuracy=_fraction(decision.accuracy),
            kept=decision.kept,
        )
        for decision in allocation.decisions
    )


def _cost(cost: Cost) -> schema.CostPart:
    return schema.CostPart(
        ms=cost.ms,
        flash_bytes=cost.flash_bytes,
        ram_bytes=cost.ram_bytes,
        weight_bytes=cost.weight_bytes,
    )


def _fraction(accuracy: float | None) -> float | None:
    """Without labels the search has no accuracy and says nan."""
    return None if accuracy is None or np.isnan(accuracy) else accuracy
