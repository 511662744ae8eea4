"""Inferences over a session: on the emulator with counted instructions, on a board with its
own cycle counter."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sqtvm.errors import MeasurementError
from sqtvm.measure import counting
from sqtvm.measure.counting import InferenceCounts, Markers
from sqtvm.measure.emulator import Emulator, Machine
from sqtvm.measure.messages import Identity, ProfileEntry, RunResult
from sqtvm.measure.session import Session
from sqtvm.measure.target import Target

# Inferences done so far, inferences in all.
OnProgress = Callable[[int, int], None]
# Reading a profile takes as long as an inference; so many give a good median.
_PROFILED_INFERENCES = 15


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
) -> Inferences:
    """Run every input in QEMU; raises ToolError and MeasurementError with QEMU's own message."""
    library = counting.library(machine.program)
    with tempfile.TemporaryDirectory(prefix="sqtvm-") as temporary:
        table = Path(temporary) / "counts"
        plugin = counting.arguments(library, table, markers)
        with Emulator(machine, elf, plugin) as emulator:
            try:
                with Session(emulator.address) as session:
                    return _run_all(session, archive_sha256, inputs, 1, on_progress, table)
            except MeasurementError as error:
                raise emulator.explain(error) from error


def on_board(
    target: Target,
    archive_sha256: str | None,
    inputs: NDArray[np.int8],
    on_progress: OnProgress | None = None,
) -> Inferences:
    """Run every input on the board at ``target``; raises MeasurementError."""
    with Session(target.port, target.baudrate) as session:
        return _run_all(session, archive_sha256, inputs, _PROFILED_INFERENCES, on_progress, None)


def _run_all(
    session: Session,
    archive_sha256: str | None,
    inputs: NDArray[np.int8],
    profiled: int,
    on_progress: OnProgress | None,
    table: Path | None,
) -> Inferences:
    if len(inputs) == 0:
        raise MeasurementError("there is no sample to measure with", "give data with samples")
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
        if on_progress is not None:
            on_progress(number + 1, len(inputs))
    return Inferences(identity, np.stack(outputs), tuple(results), tuple(profiles), counts)
