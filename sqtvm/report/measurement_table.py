"""One measurement: for a terminal, and as values for programs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from sqtvm.measure.measurement import LayerMeasurement, Measurement, Repeatability
from sqtvm.report import numbers


def measurement_table(measurement: Measurement, accuracy: float | None) -> RenderableType:
    """Every layer, then time, flash, RAM and energy of the whole inference.

    accuracy: of the firmware's own outputs, a fraction; None without labels.
    """
    return Group(_layers(measurement), "", _whole(measurement, accuracy))


def measurement_values(measurement: Measurement, accuracy: float | None) -> dict[str, object]:
    """All of it but the outputs; the keys are those of Measurement and MemoryUse."""
    memory = measurement.memory
    energy = measurement.energy
    return {
        "target": measurement.target,
        "samples": len(measurement.outputs),
        "accuracy": accuracy,
        "ms": measurement.ms,
        "ms_source": measurement.ms_source,
        "instructions": measurement.instructions,
        "est_cycles": measurement.est_cycles,
        "est_cycles_range": measurement.est_cycles_range,
        "cycle_model": measurement.cycle_model,
        "measured_cycles": measurement.measured_cycles,
        "repeatability": _runs(measurement.repeatability),
        "flash_bytes": memory.flash_bytes,
        "ram_bytes": memory.ram_bytes,
        "memory": asdict(memory),
        "energy": None if energy is None else asdict(energy),
        "layers": [
            {
                "name": layer.name,
                "instructions": layer.instructions,
                "by_class": dict(layer.by_class),
                "est_cycles": layer.est_cycles,
                "measured_cycles": layer.measured_cycles,
                "repeatability": _runs(layer.repeatability),
                "ms": layer.ms,
                "energy_mj": layer.mj,
            }
            for layer in measurement.layers
        ],
    }


def _runs(found: Repeatability | None) -> dict[str, int] | None:
    return None if found is None else asdict(found)


def _layers(measurement: Measurement) -> Table:
    """What the target tells: instructions and estimates, or the counter's cycles and spread."""
    on_board = measurement.measured_cycles is not None
    table = Table(box=None, pad_edge=False)
    table.add_column("Layer", overflow="fold")
    headings = ("Measured cycles", "Least", "Most") if on_board else ("Instructions", "Est. cycles")
    for heading in (*headings, "ms"):
        table.add_column(heading, justify="right", no_wrap=True)
    whole = LayerMeasurement(
        "whole inference",
        measurement.instructions,
        measurement.est_cycles,
        measurement.measured_cycles,
        measurement.ms,
        repeatability=measurement.repeatability,
    )
    for layer in (*measurement.layers, whole):
        runs = layer.repeatability
        figures = (
            (layer.measured_cycles, runs and runs.minimum, runs and runs.maximum)
            if on_board
            else (layer.instructions, layer.est_cycles)
        )
        shown = ("" if figure is None else f"{figure:,.0f}" for figure in figures)
        ms = "" if layer.ms is None else f"{layer.ms:,.3f}"
        table.add_row(escape(layer.name), *shown, ms)
    return table


def _whole(measurement: Measurement, accuracy: float | None) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    for row in _rows(measurement):
        table.add_row(*(escape(part) for part in row))
    if accuracy is not None:
        share = numbers.percent(accuracy)
        table.add_row("accuracy", share, f"of {len(measurement.outputs):,} samples, on the target")
    return table


def _rows(measurement: Measurement) -> Iterator[tuple[str, str, str]]:
    yield "time", numbers.milliseconds(measurement.ms), _time(measurement)
    memory = measurement.memory
    flash = (
        f"weights {numbers.size(memory.flash_weights)}, code {numbers.size(memory.flash_code)}, "
        f"other {numbers.size(memory.flash_other)}"
    )
    yield "flash", numbers.size(memory.flash_bytes), flash
    ram = (
        f"workspace {numbers.size(memory.ram_workspace)}, static "
        f"{numbers.size(memory.ram_static)}, stack {numbers.size(memory.ram_stack)}"
    )
    yield "RAM", numbers.size(memory.ram_bytes), ram
    energy = measurement.energy
    if energy is not None:
        yield "energy", numbers.millijoules(energy.mj), f"{energy.source}: {energy.detail}"


def _time(measurement: Measurement) -> str:
    runs = measurement.repeatability
    if runs is not None:
        return (
            f"{measurement.ms_source}, the median of {runs.runs} runs: {runs.minimum:,} to "
            f"{runs.maximum:,} cycles"
        )
    said = f"{measurement.ms_source}, {measurement.cycle_model}"
    span, likely = measurement.est_cycles_range, measurement.est_cycles
    if span is None or not likely:
        return said
    low, high = (measurement.ms * cycles / likely for cycles in span)
    return f"{said}: {low:.3g} to {high:.3g} ms by its range"
