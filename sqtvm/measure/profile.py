"""Where the instructions of an inference go: by layer, by class, and by source line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sqtvm.errors import MeasurementError
from sqtvm.firmware.boards import Board
from sqtvm.firmware.build import Firmware
from sqtvm.measure.calibrated import model_for_board
from sqtvm.measure.counted import Counted, count
from sqtvm.measure.counting import OUTSIDE, InstructionCount, NoPluginError
from sqtvm.measure.inference import OnProgress
from sqtvm.measure.instruction_class import CLASSES, class_of, decode
from sqtvm.measure.layers import LayerCounts, counted_layer
from sqtvm.measure.measure import measure
from sqtvm.measure.source_lines import SourceLine, SourceMap, source_map
from sqtvm.measure.target import Target

OUTSIDE_NAME = "(between layers)"


@dataclass(frozen=True)
class LineProfile:
    """One source line of one layer; hottest: its most executed instruction, as assembly."""

    source: SourceLine | None
    instructions: int
    by_class: Mapping[str, int]
    hottest: str


@dataclass(frozen=True)
class LayerProfile:
    """Of one inference; fills: lines of the caches that were filled with code, with constants
    from flash, with data; lines: the most expensive first."""

    name: str
    instructions: int
    est_cycles: float
    by_class: Mapping[str, int]
    fills: tuple[int, int, int]
    lines: tuple[LineProfile, ...] = field(repr=False)


@dataclass(frozen=True)
class Profile:
    """Layers in execution order, last what ran in none; cycle_model: name and version; note: what
    is missing and why, empty where all is there. Without a C compiler on this machine there are
    instructions by layer only, by the emulator's timer."""

    layers: tuple[LayerProfile, ...]
    cycle_model: str
    note: str = ""

    @property
    def instructions(self) -> int:
        return sum(layer.instructions for layer in self.layers)

    @property
    def est_cycles(self) -> float:
        return sum(layer.est_cycles for layer in self.layers)

    @property
    def by_class(self) -> Mapping[str, int]:
        return {name: sum(layer.by_class.get(name, 0) for layer in self.layers) for name in CLASSES}

    def layer(self, name: str) -> LayerProfile:
        """MeasurementError with the names there are where there is none of that name."""
        for layer in self.layers:
            if layer.name == name:
                return layer
        known = ", ".join(layer.name for layer in self.layers)
        raise MeasurementError(f"there is no layer {name!r}", f"layers: {known}")


def profile(
    firmware: Firmware,
    board: Board,
    inputs: NDArray[np.int8],
    layer_names: Sequence[str],
    on_progress: OnProgress | None = None,
) -> Profile:
    """Run the first of ``inputs`` (int8 [samples, *input shape]) in the emulator.

    firmware: its emulated variant. Raises MeasurementError and ToolError.
    """
    model = model_for_board(board)
    try:
        done = count(firmware, board, model, inputs[:1], layer_names, on_progress)
    except NoPluginError as error:
        return _by_timer(firmware, board, inputs[:1], layer_names, error)
    lines = source_map(firmware.elf)
    outside = LayerCounts(OUTSIDE_NAME, done.counts.segment(OUTSIDE), done.counts.fills_of(OUTSIDE))
    layers = []
    for layer in (*done.layers, outside):
        found = counted_layer(
            layer, done.instructions, model, board.clock.wait_states, board.clock_hz
        )
        assert found.est_cycles is not None
        layers.append(
            LayerProfile(
                layer.name,
                layer.instructions,
                found.est_cycles,
                found.by_class,
                (layer.fills.code, layer.fills.flash, layer.fills.ram),
                _by_line(layer.counts, done, lines),
            )
        )
    return Profile(tuple(layers), model.title)


def _by_timer(
    firmware: Firmware,
    board: Board,
    inputs: NDArray[np.int8],
    layer_names: Sequence[str],
    error: NoPluginError,
) -> Profile:
    found = measure(firmware, board, Target("emulator"), inputs, layer_names)
    rows = [
        (layer.name, layer.instructions or 0, layer.est_cycles or 0.0) for layer in found.layers
    ]
    instructions = (found.instructions or 0) - sum(row[1] for row in rows)
    est_cycles = (found.est_cycles or 0.0) - sum(row[2] for row in rows)
    layers = tuple(
        LayerProfile(name, executed, cycles, {}, (0, 0, 0), ())
        for name, executed, cycles in (*rows, (OUTSIDE_NAME, instructions, est_cycles))
    )
    note = f"{error}; {error.hint}. Until then instructions are by layer only, by a timer"
    return Profile(layers, found.cycle_model or "", note)


def _by_line(
    counts: Sequence[InstructionCount], done: Counted, lines: SourceMap
) -> tuple[LineProfile, ...]:
    gathered: dict[SourceLine | None, list[InstructionCount]] = {}
    for each in counts:
        gathered.setdefault(lines.at(each.address), []).append(each)
    found = [_line(source, group, done) for source, group in gathered.items()]
    return tuple(sorted(found, key=lambda line: -line.instructions))


def _line(
    source: SourceLine | None, group: Sequence[InstructionCount], done: Counted
) -> LineProfile:
    by_class = Counter(dict.fromkeys(CLASSES, 0))
    for each in group:
        by_class[class_of(decode(done.instructions[each.address]).kind)] += each.executed
    most = done.instructions[max(group, key=lambda each: each.executed).address]
    return LineProfile(
        source,
        sum(each.executed for each in group),
        dict(by_class),
        f"{most.mnemonic} {most.operands}".strip(),
    )
