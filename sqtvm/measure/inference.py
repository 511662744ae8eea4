"""Inferences over a session: on the emulator with counted instructions, on a board with its
own cycle counter."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sqtvm.errors import MeasurementError
from sqtvm.firmware.boards import Board
from sqtvm.measure import counting
from sqtvm.measure.counting import CachedMemory, InferenceCounts, Markers
from sqtvm.measure.emulator import Emulator, Machine
from sqtvm.measure.messages import Identity, ProfileEntry, RunResult
from sqtvm.measure.session import Session
from sqtvm.measure.target import Target
from sqtvm.measure.target_open import open_session

# Inferences done so far, inferences in all.
OnProgress = Callable[[int, int], None]
# Reading a profile takes as long as an inference; so many give a good median.
_PROFILED_INFERENCES = 15
# For answers of the emulator, whose line loses nothing: only a machine with much else to do makes
# them late, and where QEMU ends the line does too.
_EMULATOR_ANSWER_SECONDS, _EMULATOR_RUN_SECONDS = 60.0, 600.0
# QEMU's -icount: 2 to this power nanoseconds an instruction. Long enough that a tick of the
# firmware's counter is shorter.
_TIME_SHIFT = 6
_NANOSECONDS_EACH = 2**_TIME_SHIFT
_FIXED_TIME = ("-icount", f"shift={_TIME_SHIFT},sleep=off")


@dataclass(frozen=True, eq=False)
class Inferences:
    """outputs: int8 [samples, output bytes]; results: of every inference; profiles: of the first
    few; counts: of the first one, emulator only."""

    identity: Identity
    outputs: NDArray[np.int8]
    results: tuple[RunResult, ...]
    profiles: tuple[tuple[ProfileEntry, ...], ...]
    counts: InferenceCounts | None


def on_emulator(
    machine: Machine,
    elf: Path,
    markers: Markers,
    archive_sha256: str | None,
    inputs: NDArray[np.int8],
    on_progress: OnProgress | None = None,
    memory: CachedMemory | None = None,
) -> Inferences:
    """Run every input in QEMU; raises ToolError and MeasurementError with QEMU's own message.

    The first inference is counted, and with ``memory`` its caches are followed; the others run in
    an emulator without the plugin, which is faster.
    """
    _require(inputs)
    library = counting.library(machine.program)
    with tempfile.TemporaryDirectory(prefix="sqtvm-") as temporary:
        table = Path(temporary) / "counts"
        plugin = counting.arguments(library, table, markers, memory)
        tell = _Tell(on_progress, len(inputs))
        counted = _emulate(
            Emulator(machine, elf, plugin), archive_sha256, inputs[:1], tell, table, profiled=1
        )
        if len(inputs) == 1:
            return counted
        others = _emulate(
            Emulator(machine, elf), archive_sha256, inputs[1:], tell, None, profiled=0
        )
    return replace(
        counted,
        outputs=np.concatenate([counted.outputs, others.outputs]),
        results=counted.results + others.results,
    )


def on_emulators_timer(
    machine: Machine,
    clock_hz: int,
    elf: Path,
    archive_sha256: str | None,
    inputs: NDArray[np.int8],
    on_progress: OnProgress | None = None,
) -> Inferences:
    """Run every input in QEMU with a fixed time for each instruction, and no plugin.

    The firmware's own counter, of clock_hz, then tells instructions instead of time: the cycles
    of all results and profiles are executed instructions, to within one or two. Raises
    MeasurementError where it stands still.
    """
    _require(inputs)
    tell = _Tell(on_progress, len(inputs))
    steady = replace(machine, options=(*machine.options, *_FIXED_TIME))
    done = _emulate(Emulator(steady, elf), archive_sha256, inputs, tell, None, profiled=1)
    if not any(result.cycles for result in done.results):
        raise MeasurementError(
            "instructions cannot be counted: the counting plugin cannot be built here, and the "
            "firmware's own counter stands still in the emulator",
            "install a compiler: apt-get install gcc libc6-dev",
        )
    ticks_each = clock_hz * _NANOSECONDS_EACH * 1e-9
    return replace(
        done,
        results=tuple(
            replace(result, cycles=round(result.cycles / ticks_each)) for result in done.results
        ),
        profiles=tuple(
            tuple(replace(entry, cycles=round(entry.cycles / ticks_each)) for entry in profile)
            for profile in done.profiles
        ),
    )


def _emulate(
    emulator: Emulator,
    archive_sha256: str | None,
    inputs: NDArray[np.int8],
    tell: _Tell,
    table: Path | None,
    profiled: int,
) -> Inferences:
    with emulator:
        try:
            with Session(
                emulator.address,
                timeout=_EMULATOR_ANSWER_SECONDS,
                run_timeout=_EMULATOR_RUN_SECONDS,
            ) as session:
                return _run_all(session, archive_sha256, inputs, profiled, tell, table)
        except MeasurementError as error:
            raise emulator.explain(error) from error


def on_board(
    target: Target,
    board: Board,
    elf: Path,
    archive_sha256: str | None,
    inputs: NDArray[np.int8],
    on_progress: OnProgress | None = None,
) -> Inferences:
    """Run every input on the board at ``target``; raises MeasurementError and ToolError."""
    _require(inputs)
    tell = _Tell(on_progress, len(inputs))
    with open_session(target, board, elf) as session:
        return _run_all(session, archive_sha256, inputs, _PROFILED_INFERENCES, tell, None)


class _Tell:
    """Counts inferences over several sessions."""

    def __init__(self, on_progress: OnProgress | None, total: int) -> None:
        self._on_progress = on_progress
        self._done, self._total = 0, total

    def __call__(self) -> None:
        self._done += 1
        if self._on_progress is not None:
            self._on_progress(self._done, self._total)


def _require(inputs: NDArray[np.int8]) -> None:
    if len(inputs) == 0:
        raise MeasurementError("there is no sample to measure with", "give data with samples")


def _run_all(
    session: Session,
    archive_sha256: str | None,
    inputs: NDArray[np.int8],
    profiled: int,
    tell: _Tell,
    table: Path | None,
) -> Inferences:
    identity = session.identify(archive_sha256)
    outputs, results, profiles = [], [], []
    counts = None
    for number, x in enumerate(inputs):
        if number < profiled:
            y, result, profile = session.infer_profiled(x)
            profiles.append(profile)
        else:
            y, result = session.infer(x)
        outputs.append(y)
        results.append(result)
        if number == 0 and table is not None:
            counts = counting.read_table(table)
        tell()
    return Inferences(identity, np.stack(outputs), tuple(results), tuple(profiles), counts)
