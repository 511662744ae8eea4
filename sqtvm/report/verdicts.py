"""Each limit of the budget against what the firmware was found to take."""

from __future__ import annotations

from sqtvm.allocate.budget import Budget
from sqtvm.measure.measurement import Measurement
from sqtvm.report.schema import AccuracyPart, VerdictPart

# Sizes are read off the linked image: exact, whatever the time's source is.
_FROM_IMAGE = "linked image"
_WITH_STACK = "linked image and stack high-water mark"
_BY_SHAPES = "shapes and bits"
_ON_ALL_SAMPLES = "integer model on all evaluation samples"


def accuracy_drop(accuracy: AccuracyPart) -> float | None:
    """Points lost against the float model, below 0 where the integer model is better."""
    if accuracy.float_ is None or accuracy.allocated is None:
        return None
    return (accuracy.float_ - accuracy.allocated) * 100


def verdicts(
    budget: Budget, measurement: Measurement, accuracy: AccuracyPart, bops: int
) -> tuple[VerdictPart, ...]:
    """One verdict for each limit that was asked for; one that cannot be judged does not
    hold. bops: of the allocation."""
    memory = measurement.memory
    energy = measurement.energy
    asked = (
        ("time", budget.ms, measurement.ms, "ms", measurement.ms_source),
        ("flash", budget.flash_bytes, memory.flash_bytes, "bytes", _FROM_IMAGE),
        ("RAM", budget.ram_bytes, memory.ram_bytes, "bytes", _WITH_STACK),
        (
            "energy",
            budget.energy_mj,
            None if energy is None else energy.mj,
            "mJ",
            "" if energy is None else energy.source,
        ),
        ("bit operations", budget.bops, bops, "operations", _BY_SHAPES),
        ("accuracy drop", budget.max_drop, accuracy_drop(accuracy), "points", _ON_ALL_SAMPLES),
    )
    return tuple(
        VerdictPart.model_validate(
            {
                "budget": name,
                "limit": limit,
                "reached": reached,
                "unit": unit,
                "source": source,
                "holds": reached is not None and reached <= limit,
            }
        )
        for name, limit, reached, unit, source in asked
        if limit is not None
    )
