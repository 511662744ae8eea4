"""The measure stage: firmware and a target in, a Measurement out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sqtvm.errors import MeasurementError
from sqtvm.firmware.boards import Board
from sqtvm.firmware.build import Firmware
from sqtvm.firmware.memory_use import memory_use
from sqtvm.measure import inference
from sqtvm.measure.calibrated import model_for_board
from sqtvm.measure.counted import count, emulated_machine
from sqtvm.measure.counting import NoPluginError
from sqtvm.measure.cycles import CycleModel
from sqtvm.measure.energy import measured_energy, modelled_energy, supply_volts
from sqtvm.measure.inference import Inferences, OnProgress, on_emulators_timer
from sqtvm.measure.layers import counted_layer, measured_layers, repeatability
from sqtvm.measure.measurement import LayerMeasurement, Measurement
from sqtvm.measure.meter import MeterName, open_meter
from sqtvm.measure.target import Target

_LOG = logging.getLogger(__name__)


def measure(
    firmware: Firmware,
    board: Board,
    target: Target,
    inputs: NDArray[np.int8],
    layer_names: Sequence[str],
    on_progress: OnProgress | None = None,
    meter: MeterName | None = None,
    model: CycleModel | None = None,
) -> Measurement:
    """Run every one of ``inputs`` (int8 [samples, *input shape]) on the target.

    firmware: its emulated variant for the emulator; for a board the board's own, which at a serial
    port has been flashed, and which a labgrid place is flashed with; layer_names: of the integer
    network, in its order; on_progress: called with the inferences done and those in all; meter:
    what records the supply current meanwhile, without one the energy is modelled; model: of the
    emulator's cycles, by default the board's own. The outputs are int8 [samples, output bytes].

    On the emulator, instructions are those of the first input, exact, and the time is the
    cycle model's; on a board, cycles are the median of all inferences. Raises MeasurementError
    and ToolError.
    """
    if target.kind == "none":
        raise MeasurementError(
            "there is no target to measure on", "give --measure emulator or --measure serial:PORT"
        )

    def run() -> Measurement:
        if target.kind == "emulator":
            chosen = model_for_board(board) if model is None else model
            return _emulated(firmware, board, target, chosen, inputs, layer_names, on_progress)
        return _measured(firmware, board, target, inputs, layer_names, on_progress)

    if meter is None:
        return _with_modelled_energy(run(), board)
    if target.kind == "emulator" and meter.kind != "csv":
        raise MeasurementError(
            f"the emulator draws no current that {meter} could measure",
            "measure on a board, or leave the energy to the model of the board's current",
        )
    return _metered(run, meter, board)


def _with_modelled_energy(found: Measurement, board: Board) -> Measurement:
    def of_layer(layer: LayerMeasurement) -> LayerMeasurement:
        energy = None if layer.ms is None else modelled_energy(board, layer.ms)
        return layer if energy is None else replace(layer, mj=energy.mj)

    layers = tuple(of_layer(layer) for layer in found.layers)
    return replace(found, layers=layers, energy=modelled_energy(board, found.ms))


def _metered(run: Callable[[], Measurement], meter: MeterName, board: Board) -> Measurement:
    done: list[Measurement] = []
    trace = open_meter(meter, supply_volts(board)).record(lambda: done.append(run()))
    return replace(done[0], energy=measured_energy(trace, meter))


def _emulated(
    firmware: Firmware,
    board: Board,
    target: Target,
    model: CycleModel,
    inputs: NDArray[np.int8],
    layer_names: Sequence[str],
    on_progress: OnProgress | None,
) -> Measurement:
    _require_variant(firmware, "emulator", target)
    wait_states = board.clock.wait_states
    try:
        done = count(firmware, board, model, inputs, layer_names, on_progress)
    except NoPluginError as error:
        _LOG.warning("%s; taking the emulator's timer instead (%s)", error, error.hint)
        return _timed(firmware, board, target, model, inputs, layer_names, on_progress)
    whole = done.cycles(model, wait_states)
    return Measurement(
        target=str(target),
        layers=tuple(
            counted_layer(layer, done.instructions, model, wait_states, board.clock_hz)
            for layer in done.layers
        ),
        instructions=done.counts.instructions,
        est_cycles=whole.likely,
        est_cycles_range=(whole.low, whole.high),
        cycle_model=model.title,
        measured_cycles=None,
        ms=1000 * whole.likely / board.clock_hz,
        ms_source="emulated",
        memory=memory_use(firmware.elf, _stack_bytes(done.inferences)),
        outputs=done.inferences.outputs,
    )


def _timed(
    firmware: Firmware,
    board: Board,
    target: Target,
    model: CycleModel,
    inputs: NDArray[np.int8],
    layer_names: Sequence[str],
    on_progress: OnProgress | None,
) -> Measurement:
    """Where instructions can be told by the emulator's timer only, without classes."""
    machine, clock_hz = emulated_machine(board), board.emulator.clock_hz
    sha256 = firmware.project.archive_sha256
    done = on_emulators_timer(machine, clock_hz, firmware.elf, sha256, inputs, on_progress)
    layers = []
    for layer in measured_layers(done.profiles, layer_names, board.clock_hz):
        assert layer.measured_cycles is not None
        est_cycles = model.rate.likely * layer.measured_cycles
        ms = 1000 * est_cycles / board.clock_hz
        layers.append(LayerMeasurement(layer.name, layer.measured_cycles, est_cycles, None, ms))
    executed = done.results[0].cycles
    return Measurement(
        target=str(target),
        layers=tuple(layers),
        instructions=executed,
        est_cycles=model.rate.likely * executed,
        est_cycles_range=(model.rate.low * executed, model.rate.high * executed),
        cycle_model=f"{model.title}, its mean of {model.rate.likely:g} cycles an instruction only: "
        "no counting plugin here to tell them by class",
        measured_cycles=None,
        ms=1000 * model.rate.likely * executed / board.clock_hz,
        ms_source="emulated",
        memory=memory_use(firmware.elf, _stack_bytes(done)),
        outputs=done.outputs,
    )


def _measured(
    firmware: Firmware,
    board: Board,
    target: Target,
    inputs: NDArray[np.int8],
    layer_names: Sequence[str],
    on_progress: OnProgress | None,
) -> Measurement:
    _require_variant(firmware, "board", target)
    done = inference.on_board(
        target, board, firmware.elf, firmware.project.archive_sha256, inputs, on_progress
    )
    runs = repeatability([result.cycles for result in done.results])
    if runs.median == 0:
        raise MeasurementError(
            f"the cycle counter of the target at {target} stands still",
            "an emulator has none; on a board, check that it runs the board's own firmware",
        )
    if done.identity.clock_hz != board.clock_hz:
        told = (
            f"the target at {target} counts cycles of {done.identity.clock_hz / 1e6:g} MHz, "
            f"{board.name} runs at {board.clock_hz / 1e6:g} MHz"
        )
        # Zephyr sets clocks as its own board files say, and may count by another timer.
        if firmware.project.platform != "zephyr":
            raise MeasurementError(
                f"{told}: it is no such board",
                "an emulator's counter measures nothing; flash the board's own firmware",
            )
        _LOG.warning("%s by sqtvm's firmware: the figures are those of Zephyr's clock", told)
    return Measurement(
        target=str(target),
        layers=measured_layers(done.profiles, layer_names, done.identity.clock_hz),
        instructions=None,
        est_cycles=None,
        cycle_model=None,
        measured_cycles=runs.median,
        ms=1000 * runs.median / done.identity.clock_hz,
        ms_source="measured",
        memory=memory_use(firmware.elf, _stack_bytes(done)),
        outputs=done.outputs,
        repeatability=runs,
    )


def _require_variant(firmware: Firmware, variant: str, target: Target) -> None:
    if firmware.variant != variant:
        raise MeasurementError(
            f"firmware built for the {firmware.variant} cannot be measured on {target}",
            f"build the variant for the {variant}",
        )


def _stack_bytes(done: Inferences) -> int:
    return max(result.stack_bytes for result in done.results)
