"""The measure stage: firmware and a target in, a Measurement out."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median_low

import numpy as np
from numpy.typing import NDArray

from sqtvm.errors import MeasurementError
from sqtvm.firmware.boards import Board
from sqtvm.firmware.build import Firmware
from sqtvm.firmware.memory_use import memory_use
from sqtvm.measure import cycles, inference
from sqtvm.measure.counting import THUMB_MARKERS
from sqtvm.measure.emulator import Machine
from sqtvm.measure.inference import Inferences, OnProgress
from sqtvm.measure.layers import counted_layers, measured_layers
from sqtvm.measure.measurement import Measurement
from sqtvm.measure.target import Target


def measure(
    firmware: Firmware,
    board: Board,
    target: Target,
    inputs: NDArray[np.int8],
    layer_names: Sequence[str],
    on_progress: OnProgress | None = None,
) -> Measurement:
    """Run every one of ``inputs`` (int8 [samples, *input shape]) on the target.

    firmware: its emulated variant for the emulator; for a serial port the board's own, which has
    been flashed; layer_names: of the integer network, in its order; on_progress: called with the
    inferences done and those in all. The outputs are int8 [samples, output bytes].

    On the emulator, instructions are those of the first input, exact, and the time is the
    cycle model's; on a board, cycles are the median of all inferences. Raises MeasurementError
    and ToolError.
    """
    if target.kind == "emulator":
        return _emulated(firmware, board, target, inputs, layer_names, on_progress)
    if target.kind == "serial":
        return _measured(firmware, target, inputs, layer_names, on_progress)
    raise MeasurementError(
        "there is no target to measure on", "give --measure emulator or --measure serial:PORT"
    )


def _emulated(
    firmware: Firmware,
    board: Board,
    target: Target,
    inputs: NDArray[np.int8],
    layer_names: Sequence[str],
    on_progress: OnProgress | None,
) -> Measurement:
    _require_variant(firmware, "emulator", target)
    model = cycles.model_for(board.core)
    emulator = board.emulator
    done = inference.on_emulator(
        Machine(emulator.program, emulator.machine, emulator.cpu),
        firmware.elf,
        THUMB_MARKERS,
        firmware.project.archive_sha256,
        inputs,
        on_progress,
    )
    assert done.counts is not None
    layers, est_cycles = counted_layers(
        done.counts, done.profiles[0], layer_names, firmware.elf, model
    )
    return Measurement(
        target=str(target),
        layers=layers,
        instructions=done.counts.instructions,
        est_cycles=est_cycles,
        cycle_model=model.title,
        measured_cycles=None,
        ms=1000 * est_cycles / board.clock_hz,
        ms_source="emulated",
        memory=memory_use(firmware.elf, _stack_bytes(done)),
        outputs=done.outputs,
    )


def _measured(
    firmware: Firmware,
    target: Target,
    inputs: NDArray[np.int8],
    layer_names: Sequence[str],
    on_progress: OnProgress | None,
) -> Measurement:
    _require_variant(firmware, "board", target)
    done = inference.on_board(target, firmware.project.archive_sha256, inputs, on_progress)
    measured = median_low([result.cycles for result in done.results])
    if measured == 0:
        raise MeasurementError(
            f"the cycle counter of the target at {target.port} stands still",
            "an emulator has none; on a board, check that it runs the board's own firmware",
        )
    return Measurement(
        target=str(target),
        layers=measured_layers(done.profiles, layer_names),
        instructions=None,
        est_cycles=None,
        cycle_model=None,
        measured_cycles=measured,
        ms=1000 * measured / done.identity.clock_hz,
        ms_source="measured",
        memory=memory_use(firmware.elf, _stack_bytes(done)),
        outputs=done.outputs,
    )


def _require_variant(firmware: Firmware, variant: str, target: Target) -> None:
    if firmware.variant != variant:
        raise MeasurementError(
            f"firmware built for the {firmware.variant} cannot be measured on {target}",
            f"build the variant for the {variant}",
        )


def _stack_bytes(done: Inferences) -> int:
    return max(result.stack_bytes for result in done.results)
