"""The same jobs on this machine and on a Dask cluster give the same measurements."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sqtvm.compile.network import compile_network
from sqtvm.errors import SqtvmError, ToolError
from sqtvm.firmware.boards import load_board
from sqtvm.measure.cycles import Span, model_for
from sqtvm.measure.jobs import Executor, Job, parse_executor, run_jobs
from sqtvm.quantize.build import quantize
from sqtvm.quantize.calibration import calibrate
from tests.compile.graphs import every_operator

BOARD = load_board("stm32f446")
# As a calibration would leave it.
MODEL = model_for(BOARD.core).model_copy(
    update={"name": "calibrated", "scale": Span(low=1.5, likely=2, high=2.5)}
)


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> list[Job]:
    """One network at 8, 4 and 2 bits."""
    folder = tmp_path_factory.mktemp("archives")
    graph = every_operator()
    x = np.random.default_rng(0).normal(size=(8, *graph.input.shape)).astype(np.float32)
    activations = calibrate(graph, x)
    made = []
    for bits in (8, 4, 2):
        network = quantize(graph, activations, {n.name: bits for n in graph.weighted}, x)
        path = folder / f"{bits}.tar"
        compile_network("every", graph, network, BOARD.tvm_target, path)
        inputs = np.zeros((1, *network.input_shape), np.int8)
        names = tuple(layer.name for layer in network.layers)
        described = BOARD.model_dump_json(), MODEL.model_dump_json()
        made.append(Job(f"{bits} bits", path.read_bytes(), *described, inputs, names))
    return made


def test_a_cluster_measures_what_this_machine_does(jobs: list[Job]) -> None:
    distributed = pytest.importorskip("distributed")
    seen: list[tuple[int, int]] = []
    here = run_jobs(jobs, Executor("local", 2), lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]
    instructions = [found.instructions for found in here]
    assert len(set(instructions)) == 3
    assert all(found.cycle_model == MODEL.title for found in here)
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, processes=True, dashboard_address=None
    ) as cluster:
        seen.clear()
        address = cluster.scheduler_address.removeprefix("tcp:")
        there = run_jobs(
            jobs, parse_executor(f"dask:{address}"), lambda *counts: seen.append(counts)
        )
    assert seen == [(1, 3), (2, 3), (3, 3)]
    assert [found.instructions for found in there] == instructions
    assert [found.est_cycles for found in there] == [found.est_cycles for found in here]
    assert [found.memory for found in there] == [found.memory for found in here]


def test_a_job_that_fails_says_why(jobs: list[Job]) -> None:
    broken = replace(jobs[0], archive=b"no archive")
    with pytest.raises(SqtvmError, match=r"is not a whole \.tar archive"):
        run_jobs([broken], Executor("local", 1))


def test_a_cluster_that_is_not_there_is_an_error(
    jobs: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    distributed = pytest.importorskip("distributed")

    def refuse(address: str, timeout: float) -> None:
        raise OSError(f"Timed out trying to connect to {address}")

    monkeypatch.setattr(distributed, "Client", refuse)
    with pytest.raises(ToolError, match=r"answers at tcp://127\.0\.0\.1:1") as caught:
        run_jobs(jobs, Executor("dask", address="tcp://127.0.0.1:1"))
    assert "dask scheduler" in caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        *("", "local:", "local:0", "local:-1", "slurm://x:1"),
        *("dask", "dask://", "dask://:8786", "dask://farm", "dask://farm:", "dask://farm:port"),
        "dask://farm:70000",
    ],
)
def test_unknown_executors_are_errors(text: str) -> None:
    with pytest.raises(ToolError, match="is no executor"):
        parse_executor(text)


def test_executors_by_name() -> None:
    assert parse_executor("local").workers >= 1
    assert parse_executor("local:3") == Executor("local", 3)
    assert parse_executor("dask://farm:8786") == Executor("dask", address="tcp://farm:8786")
