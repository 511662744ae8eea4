"""Firmware in the emulator with every instruction counted: what measuring and profiling share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sqtvm.firmware.boards import Board
from sqtvm.firmware.build import Firmware
from sqtvm.measure import inference
from sqtvm.measure.counting import NO_FILLS, RISCV_MARKERS, THUMB_MARKERS, InferenceCounts
from sqtvm.measure.cycles import CycleEstimate, CycleModel, estimate
from sqtvm.measure.disassembly import Instruction, disassemble
from sqtvm.measure.emulator import Machine
from sqtvm.measure.inference import Inferences, OnProgress
from sqtvm.measure.layers import LayerCounts, by_layer
from sqtvm.measure.memory_map import cached_memory


@dataclass(frozen=True, eq=False)
class Counted:
    """One inference's instructions by layer, and the disassembly at each counted address."""

    inferences: Inferences
    counts: InferenceCounts
    layers: tuple[LayerCounts, ...]
    instructions: Mapping[int, Instruction]

    def cycles(self, model: CycleModel, wait_states: int) -> CycleEstimate:
        """Of the whole inference, what is in no layer included."""
        fills = sum(self.counts.fills.values(), NO_FILLS)
        return estimate(model, self.counts.counts, self.instructions, fills, wait_states)


def emulated_machine(board: Board) -> Machine:
    """The emulator's program and machine, as the board file names them."""
    emulator = board.emulator
    return Machine(emulator.program, emulator.machine, emulator.cpu, emulator.options)


def count(
    firmware: Firmware,
    board: Board,
    model: CycleModel,
    inputs: NDArray[np.int8],
    layer_names: Sequence[str],
    on_progress: OnProgress | None = None,
) -> Counted:
    """Run every one of ``inputs`` in the emulator and count the first.

    firmware: the emulated variant; the caches are followed where ``model`` knows what they cost.
    Raises MeasurementError and ToolError.
    """
    done = inference.on_emulator(
        emulated_machine(board),
        firmware.elf,
        RISCV_MARKERS if board.isa.startswith("rv") else THUMB_MARKERS,
        firmware.project.archive_sha256,
        inputs,
        on_progress,
        cached_memory(board, model),
    )
    assert done.counts is not None
    addresses = frozenset(count.address for count in done.counts.counts)
    return Counted(
        done,
        done.counts,
        by_layer(done.counts, done.profiles[0], layer_names),
        disassemble(firmware.elf, addresses),
    )
