"""What a whole allocation costs: from the store where it is known, else built and measured."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from sqtvm import cost_tables
from sqtvm.compile.kernel_call import KernelStyle
from sqtvm.compile.layouts import kernel_call
from sqtvm.cost_tables import source_of, timing
from sqtvm.firmware.memory_use import MemoryUse
from sqtvm.firmware.resources import templates_directory
from sqtvm.measure.energy import modelled_energy
from sqtvm.measure.measurement import LayerMeasurement, Measurement
from sqtvm.measure.store import CostKey, CostRow, digest
from sqtvm.progress import Progress
from sqtvm.quantize.network import IntegerNetwork
from sqtvm.realise import Workshop
from sqtvm.rounds import Realisation

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
    return None if row is None else _measurement(workshop, row)


def remember(
    workshop: Workshop, network: IntegerNetwork, style: KernelStyle, measurement: Measurement
) -> None:
    """Keep what firmware of ``network`` measured."""
    workshop.store.put([_row(workshop, _key(workshop, network, style), measurement)])


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


def _row(workshop: Workshop, key: CostKey, measurement: Measurement) -> CostRow:
    layers = [
        [layer.name, layer.instructions, _cycles(layer.est_cycles, layer.measured_cycles)]
        for layer in measurement.layers
    ]
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
        cycles=_cycles(measurement.est_cycles, measurement.measured_cycles),
        ms=measurement.ms,
        flash_weights=memory.flash_weights,
        flash_code=memory.flash_code,
        flash_other=memory.flash_other,
        ram_workspace=memory.ram_workspace,
        ram_static=memory.ram_static,
        ram_stack=memory.ram_stack,
        layers=json.dumps(layers),
    )


def _cycles(estimated: float | None, measured: int | None) -> float:
    cycles = estimated if measured is None else float(measured)
    assert cycles is not None
    return cycles


def _measurement(workshop: Workshop, row: CostRow) -> Measurement:
    emulated = row.source == "emulated"

    def layer(name: str, instructions: int | None, cycles: float) -> LayerMeasurement:
        return LayerMeasurement(
            name,
            instructions,
            cycles if emulated else None,
            None if emulated else round(cycles),
            ms=1000 * cycles / workshop.board.clock_hz,
        )

    return Measurement(
        target=str(workshop.target),
        layers=tuple(layer(*fields) for fields in json.loads(row.layers)),
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
        energy=modelled_energy(workshop.board, row.ms),
    )
