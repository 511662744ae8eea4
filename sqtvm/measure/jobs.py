"""Builds and emulator runs of many firmware images at once, on this machine or on a cluster.

A job holds all that it needs (the archive, the board, one input), so that a worker needs nothing
but sqtvm and its tools. Here the workers are threads: a job spends its time in the compiler and
the emulator, which are processes of their own.
"""

from __future__ import annotations

import importlib
import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqtvm.errors import SqtvmError, ToolError
from sqtvm.firmware.boards import Board
from sqtvm.firmware.build import build
from sqtvm.firmware.project import generate
from sqtvm.measure.cycles import CycleModel
from sqtvm.measure.measure import measure
from sqtvm.measure.measurement import Measurement
from sqtvm.measure.target import Target

LOCAL = "local"
_FORMS = "local, local:N (so many at once) or dask://HOST:PORT"
# Jobs done so far, jobs in all.
OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Job:
    """archive: the content of a Model Library Format file; board, model: its description and the
    cycle model of the estimates, as JSON, for a calibration lies beside the board's file on one
    machine only; inputs: int8 [samples, *input shape]; layer_names: of the network, in its order.
    """

    name: str
    archive: bytes
    board: str
    model: str
    inputs: NDArray[np.int8]
    layer_names: tuple[str, ...]


@dataclass(frozen=True)
class Executor:
    """kind: "local" with so many workers, or "dask" with the scheduler's address."""

    kind: str
    workers: int = 0
    address: str = ""


def parse_executor(text: str) -> Executor:
    """ToolError where ``text`` is none of the forms."""
    if text == LOCAL:
        return Executor("local", os.cpu_count() or 1)
    kind, _, rest = text.partition(":")
    if kind == LOCAL and rest.isdecimal() and int(rest) > 0:
        return Executor("local", int(rest))
    host, _, port = rest.removeprefix("//").rpartition(":")
    if kind == "dask" and rest.startswith("//") and host and _is_port(port):
        return Executor("dask", address=f"tcp:{rest}")
    raise ToolError(f"'{text}' is no executor", f"use {_FORMS}")


def _is_port(text: str) -> bool:
    return text.isdecimal() and 0 < int(text) < 1 << 16


def run_job(job: Job) -> Measurement:
    """Build one image in a temporary folder and run it in the emulator."""
    board = Board.model_validate_json(job.board)
    with tempfile.TemporaryDirectory(prefix="sqtvm-job-") as temporary:
        folder = Path(temporary)
        archive = folder / "model.tar"
        archive.write_bytes(job.archive)
        firmware = build(generate(archive, board, folder / "firmware"), "emulator")
        model = CycleModel.model_validate_json(job.model)
        return measure(
            firmware, board, Target("emulator"), job.inputs, job.layer_names, model=model
        )


def run_jobs(
    jobs: Sequence[Job], executor: Executor, on_progress: OnProgress | None = None
) -> tuple[Measurement, ...]:
    """All of them, in order; the first that fails ends the rest and raises its error.

    Raises ToolError where the cluster cannot be reached or its client is not installed.
    """
    if executor.kind == "dask":
        return _on_dask(jobs, executor.address, on_progress)
    with ThreadPoolExecutor(executor.workers) as pool:
        futures = [pool.submit(run_job, job) for job in jobs]
        try:
            _await(as_completed(futures), len(futures), on_progress)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        return tuple(future.result() for future in futures)


def _on_dask(
    jobs: Sequence[Job], address: str, on_progress: OnProgress | None
) -> tuple[Measurement, ...]:
    try:
        distributed = importlib.import_module("distributed")
    except ImportError as error:
        raise ToolError("the client of Dask is missing", "pip install 'sqtvm[dask]'") from error
    try:
        client = distributed.Client(address, timeout=20)
    except (OSError, TimeoutError) as error:
        raise ToolError(
            f"no Dask scheduler answers at {address}: {error}",
            "start one: dask scheduler, and dask worker HOST:PORT where sqtvm is installed",
        ) from error
    with client:
        # Each is run anew: equal arguments do not make equal firmware on another worker.
        futures = client.map(run_job, jobs, pure=False)
        _await(distributed.as_completed(futures), len(futures), on_progress)
        return tuple(client.gather(futures))


def _await(finished: Iterable[Any], total: int, on_progress: OnProgress | None) -> None:
    for done, future in enumerate(finished, 1):
        error = future.exception()
        if error is not None:
            if isinstance(error, SqtvmError):
                raise error
            raise ToolError(f"a worker failed: {error}") from error
        if on_progress is not None:
            on_progress(done, total)
