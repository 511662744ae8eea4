"""Which layer each counted part of an inference was, and what the layers cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median_low

from sqtvm.errors import MeasurementError
from sqtvm.measure import cycles
from sqtvm.measure.counting import NO_FILLS, InferenceCounts, InstructionCount, LineFills
from sqtvm.measure.cycles import CycleModel
from sqtvm.measure.disassembly import Instruction
from sqtvm.measure.instruction_class import CLASSES, class_of, decode
from sqtvm.measure.measurement import LayerMeasurement, Repeatability
from sqtvm.measure.messages import ProfileEntry


@dataclass(frozen=True, eq=False)
class LayerCounts:
    """What one layer executed, wherever it ran; fills: of the caches meanwhile."""

    name: str
    counts: tuple[InstructionCount, ...]
    fills: LineFills

    @property
    def instructions(self) -> int:
        return sum(count.executed for count in self.counts)


def by_layer(
    counts: InferenceCounts, profile: Sequence[ProfileEntry], layer_names: Sequence[str]
) -> tuple[LayerCounts, ...]:
    """profile: the firmware's table, which says the layer of each segment in order; a layer that
    compiled to nothing has no counts. Raises MeasurementError where the profile and the counts do
    not belong together.
    """
    _check(profile, layer_names)
    if len(profile) != counts.layers:
        raise MeasurementError(
            f"the emulator counted {counts.layers} layers, the firmware reported {len(profile)}",
            "build the firmware again with this version of sqtvm",
        )
    if not profile:
        return ()
    segments: dict[int, list[int]] = {}
    for number, entry in enumerate(profile):
        segments.setdefault(entry.layer, []).append(number)
    return tuple(
        LayerCounts(
            name,
            tuple(count for number in segments.get(layer, ()) for count in counts.segment(number)),
            sum(
                (counts.fills_of(number) for number in segments.get(layer, ())),
                NO_FILLS,
            ),
        )
        for layer, name in enumerate(layer_names)
    )


def counted_layer(
    layer: LayerCounts,
    instructions: Mapping[int, Instruction],
    model: CycleModel,
    wait_states: int,
    clock_hz: int,
) -> LayerMeasurement:
    """Exact instructions and estimated cycles of one layer.

    instructions: the disassembly at each counted address; wait_states: of the board's flash.
    """
    found = cycles.estimate(model, layer.counts, instructions, layer.fills, wait_states)
    by_class = dict.fromkeys(CLASSES, 0)
    for count in layer.counts:
        by_class[class_of(decode(instructions[count.address]).kind)] += count.executed
    return LayerMeasurement(
        layer.name,
        layer.instructions,
        found.likely,
        None,
        ms=1000 * found.likely / clock_hz,
        by_class=by_class,
    )


def measured_layers(
    profiles: Sequence[Sequence[ProfileEntry]], layer_names: Sequence[str], clock_hz: int
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
    layers = []
    for number, name in enumerate(layer_names):
        spread = repeatability([total[number] for total in totals])
        layers.append(
            LayerMeasurement(
                name,
                None,
                None,
                spread.median,
                ms=1000 * spread.median / clock_hz,
                repeatability=spread,
            )
        )
    return tuple(layers)


def repeatability(runs: Sequence[int]) -> Repeatability:
    """Of the cycles of several runs of the same."""
    return Repeatability(len(runs), min(runs), median_low(runs), max(runs))


def _check(profile: Sequence[ProfileEntry], layer_names: Sequence[str]) -> None:
    for entry in profile:
        if entry.layer >= len(layer_names):
            raise MeasurementError(
                f"the firmware reported layer {entry.layer} of a network of {len(layer_names)}",
                "measure the firmware that was built from this network",
            )
