"""What a whole allocation costs: from the store where it is known, else built and measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydantic import TypeAdapter

from sqtvm import cost_tables
from sqtvm.compile.kernel_call import KernelStyle
from sqtvm.compile.layouts import kernel_call
from sqtvm.cost_tables import source_of, timing
from sqtvm.firmware.memory_use import MemoryUse
from sqtvm.firmware.resources import templates_directory
from sqtvm.measure.energy import modelled_energy
from sqtvm.measure.measurement import LayerMeasurement, Measurement, Repeatability
from sqtvm.measure.store import CostKey, CostRow, digest
from sqtvm.progress import Progress
from sqtvm.quantize.network import IntegerNetwork
from sqtvm.realise import Workshop
from sqtvm.rounds import Realisation

_LAYERS = TypeAdapter(tuple[LayerMeasurement, ...])
# Instructions do not depend on the data, so one sample prices an allocation.
_SAMPLES = 1
# Whose flash and RAM the store holds: a row of another image's is no answer.
_MEMORY = "memory of the board's image"


def price(
    workshop: Workshop,
    network: IntegerNetwork,
    style: KernelStyle,
    folder: Path,
    modelled_ms: float,
) -> Realisation:
    """The measurement of ``network``, without outputs where the store knew it.

    folder: for the firmware; modelled_ms: the time to report where nothing runs.
    """
    graph = workshop.model.graph
    # What a meter reads hangs on more than the code.
    if workshop.target.kind == "none" or workshop.meter is not None:
        return workshop.realise(graph, network, style, _SAMPLES, folder, modelled_ms)
    known = known_measurement(workshop, network, style)
    if known is not None:
        workshop.on_progress(Progress("build", "known from an earlier deployment"))
        return Realisation(network, known)
    made = workshop.realise(graph, network, style, _SAMPLES, folder, modelled_ms)
    remember(workshop, network, style, made.measurement)
    return made


def known_measurement(
    workshop: Workshop, network: IntegerNetwork, style: KernelStyle
) -> Measurement | None:
    """What the store knows of firmware of ``network``, without outputs."""
    key = _key(workshop, network, style).digest
    row = workshop.store.get([key]).get(key)
    return None if row is None else measurement_of(workshop, row)


def remember(
    workshop: Workshop, network: IntegerNetwork, style: KernelStyle, measurement: Measurement
) -> None:
    """Keep what firmware of ``network`` measured."""
    workshop.store.put([cost_row(workshop, _key(workshop, network, style), measurement)])


def _key(workshop: Workshop, network: IntegerNetwork, style: KernelStyle) -> CostKey:
    board = workshop.board
    on_board = style.on(board.tvm_target)
    calls = [kernel_call(layer, network, on_board) for layer in network.layers]
    parts = [cost_tables.kernel_digest(call, style) for call in calls]
    wiring = [f"{layer.name} {layer.inputs}" for layer in network.layers]
    return CostKey(
        kernel=digest(*parts, *wiring, _template_digest(), _MEMORY),
        compiler=cost_tables.compiler_version(board),
        flags=cost_tables.build_flags(board),
        board=cost_tables.board_key(board),
        shape=f"{len(calls)} layers, {style} kernels",
        weight_bits=0,
        timing=timing(board, workshop.target),
    )


def _template_digest() -> str:
    """Of the firmware around the network, which has its share in flash and RAM."""
    root = templates_directory() / "baremetal"
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return digest(*(path.read_bytes() for path in files if path.suffix != ".pyc"))


def cost_row(workshop: Workshop, key: CostKey, measurement: Measurement) -> CostRow:
    """What the store keeps of it: all but the outputs."""
    spread = measurement.repeatability
    cycles = _cycles(measurement.est_cycles, measurement.measured_cycles)
    low, high = measurement.est_cycles_range or (cycles, cycles)
    memory = measurement.memory
    return CostRow(
        key=key.digest,
        kind="firmware",
        name=workshop.model.name,
        board=workshop.board.name,
        shape=key.shape,
        weight_bits=0,
        compiler=key.compiler,
        flags=key.flags,
        timing=key.timing,
        source=source_of(workshop.target),
        instructions=measurement.instructions,
        cycles=cycles,
        ms=measurement.ms,
        cycles_low=low if spread is None else spread.minimum,
        cycles_high=high if spread is None else spread.maximum,
        runs=0 if spread is None else spread.runs,
        flash_weights=memory.flash_weights,
        flash_code=memory.flash_code,
        flash_other=memory.flash_other,
        ram_workspace=memory.ram_workspace,
        ram_static=memory.ram_static,
        ram_stack=memory.ram_stack,
        layers=_LAYERS.dump_json(measurement.layers).decode(),
    )


def _cycles(estimated: float | None, measured: int | None) -> float:
    cycles = estimated if measured is None else float(measured)
    assert cycles is not None
    return cycles


def measurement_of(workshop: Workshop, row: CostRow) -> Measurement:
    """What was kept, without outputs."""
    emulated = row.source == "emulated"
    spread = Repeatability(
        row.runs, round(row.cycles_low), round(row.cycles), round(row.cycles_high)
    )
    return Measurement(
        target=str(workshop.target),
        layers=_LAYERS.validate_json(row.layers),
        instructions=row.instructions,
        est_cycles=row.cycles if emulated else None,
        cycle_model=row.timing.rpartition(" ")[0] if emulated else None,
        measured_cycles=None if emulated else round(row.cycles),
        ms=row.ms,
        ms_source=row.source,
        memory=MemoryUse(
            row.flash_weights,
            row.flash_code,
            row.flash_other,
            row.ram_workspace,
            row.ram_static,
            row.ram_stack,
        ),
        outputs=np.zeros((0, 0), np.int8),
        est_cycles_range=(row.cycles_low, row.cycles_high) if emulated else None,
        repeatability=spread if row.runs else None,
        energy=modelled_energy(workshop.board, row.ms),
    )
