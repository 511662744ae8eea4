"""Which layer each counted part of an inference was, and what the layers cost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median_low

from sqtvm.errors import MeasurementError
from sqtvm.measure import cycles
from sqtvm.measure.counting import InferenceCounts
from sqtvm.measure.cycles import CycleModel
from sqtvm.measure.disassembly import disassemble
from sqtvm.measure.measurement import LayerMeasurement
from sqtvm.measure.messages import ProfileEntry


def counted_layers(
    counts: InferenceCounts,
    profile: Sequence[ProfileEntry],
    layer_names: Sequence[str],
    elf: Path,
    model: CycleModel,
) -> tuple[tuple[LayerMeasurement, ...], float]:
    """Exact instructions and estimated cycles of each layer, and the cycles of the whole inference.

    profile: the firmware's table, which says the layer of each segment in order; a layer that
    compiled to nothing has 0 of both. Raises MeasurementError where the profile and the counts
    do not belong together.
    """
    _check(profile, layer_names)
    if len(profile) != counts.layers:
        raise MeasurementError(
            f"the emulator counted {counts.layers} layers, the firmware reported {len(profile)}",
            "build the firmware again with this version of sqtvm",
        )
    instructions = disassemble(elf, frozenset(count.address for count in counts.counts))
    executed = [0] * len(layer_names)
    estimated = [0.0] * len(layer_names)
    for number, entry in enumerate(profile):
        segment = counts.segment(number)
        executed[entry.layer] += sum(count.executed for count in segment)
        estimated[entry.layer] += cycles.estimate(model, segment, instructions).likely
    layers = tuple(
        LayerMeasurement(name, executed[number], estimated[number], None)
        for number, name in enumerate(layer_names)
        if profile
    )
    return layers, cycles.estimate(model, counts.counts, instructions).likely


def measured_layers(
    profiles: Sequence[Sequence[ProfileEntry]], layer_names: Sequence[str]
) -> tuple[LayerMeasurement, ...]:
    """The median over several inferences of each layer's cycles by the board's own counter."""
    totals = []
    for profile in profiles:
        _check(profile, layer_names)
        total = [0] * len(layer_names)
        for entry in profile:
            total[entry.layer] += entry.cycles
        totals.append(total)
    if not any(profiles):
        return ()
    return tuple(
        LayerMeasurement(name, None, None, median_low([total[number] for total in totals]))
        for number, name in enumerate(layer_names)
    )


def _check(profile: Sequence[ProfileEntry], layer_names: Sequence[str]) -> None:
    for entry in profile:
        if entry.layer >= len(layer_names):
            raise MeasurementError(
                f"the firmware reported layer {entry.layer} of a network of {len(layer_names)}",
                "measure the firmware that was built from this network",
            )
