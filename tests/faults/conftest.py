"""A small network with its data in an empty folder, and what every fault must look like."""

from __future__ import annotations

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


def in_child(work: Callable[[], None]) -> int:
    """Run ``work`` in a forked process: its status, or minus the signal that ended it."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:
            os._exit(99)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def kill_myself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
