"""A small network with its data in an empty folder, and what every fault must look like."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from typer.testing import Result

from tests.cli.conftest import Run, run

__all__ = ["run"]

_LONGEST_SECONDS = 300
_NETWORK = """
import torch
from torch import nn

def tiny():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3)
    )
"""


def tiny() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3)
    )


def samples(count: int = 40) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    x = random.normal(size=(count, 1, 8, 8)).astype(np.float32)
    return x, random.integers(0, 3, count)


@pytest.fixture
def folder(run: Run) -> Path:
    """The current folder, with ``tiny_network:tiny`` and ``samples.npz`` in it."""
    here = Path.cwd()
    (here / "tiny_network.py").write_text(_NETWORK)
    x, y = samples()
    np.savez(here / "samples.npz", x=x, y=y)
    return here


@pytest.fixture(scope="session")
def pt2(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The small network as ``torch.export`` writes it."""
    path = tmp_path_factory.mktemp("pt2") / "tiny.pt2"
    torch.export.save(torch.export.export(tiny().eval(), (torch.zeros(1, 1, 8, 8),)), path)
    return path.read_bytes()


@pytest.fixture(scope="session")
def onnx(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("onnx") / "tiny.onnx"
    torch.onnx.export(tiny().eval(), (torch.zeros(1, 1, 8, 8),), path, external_data=False)
    return path.read_bytes()


def assert_one_clear_line(result: Result, *words: str) -> None:
    """Status 1, one line of what is wrong, one at most of what to do, and no fault of ours."""
    assert result.exit_code == 1, result.stderr
    lines = [line for line in result.stderr.splitlines() if line.startswith("error:")]
    assert len(lines) == 1, result.stderr
    assert "Traceback" not in result.stderr
    assert "fault in sqtvm" not in result.stderr
    assert result.stdout == ""
    for word in words:
        assert word in result.stderr


def in_child(work: Callable[..., object], *arguments: object) -> int:
    """Run ``work`` in a process of its own, here: its status, or minus the signal that ended it.

    The process comes from a server that has imported this package and computed nothing: a fork of
    this one would wait forever for the threads that torch has started here.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.faults.test_deployments"])
    place = (Path.cwd(), dict(os.environ))
    child = context.Process(target=_work_there, args=(*place, work, *arguments))
    child.start()
    child.join(timeout=_LONGEST_SECONDS)
    if child.exitcode is None:
        child.kill()
        raise TimeoutError(f"the child went on for more than {_LONGEST_SECONDS} s")
    return child.exitcode


def _work_there(
    folder: Path, environment: dict[str, str], work: Callable[..., object], *arguments: object
) -> None:
    os.chdir(folder)
    os.environ.update(environment)
    work(*arguments)


def kill_myself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
