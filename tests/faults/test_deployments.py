"""Deployments that cannot go well, are killed, or meet another in one folder."""

from __future__ import annotations

import errno
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from typer.testing import CliRunner

import sqtvm
from sqtvm.cli.app import app
from sqtvm.errors import SqtvmError
from sqtvm.output_folder import LOCK_FILE, output_folder
from sqtvm.progress import Progress
from sqtvm.report import files
from sqtvm.report.write import read_report, write_report
from tests.cli.conftest import Run
from tests.faults.conftest import assert_one_clear_line, in_child, kill_myself, samples, tiny

DEPLOY = ("deploy", "tiny_network:tiny", "--data", "samples.npz", "--board", "stm32f746", "--quiet")
BOARD = "stm32f746"


def _deploy(out: Path, kill_at: str = "") -> sqtvm.api.DeployResult:
    def on_progress(progress: Progress) -> None:
        if progress.stage == kill_at:
            kill_myself()

    return sqtvm.deploy(
        tiny(), samples(), board=BOARD, out=out, verify_samples=2, on_progress=on_progress
    )


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a deployment that went well, which no fault may harm."""
    out = tmp_path_factory.mktemp("deployed") / "out"
    _deploy(out)
    return out


def _visible(out: Path) -> set[str]:
    return {path.name for path in out.iterdir() if path.name != LOCK_FILE}


def _finished(out: Path) -> set[str]:
    """What a user sees there."""
    return {name for name in _visible(out) if not name.startswith(".")}


@pytest.mark.parametrize("stage", ["load", "quantize", "compile", "build", "measure", "accuracy"])
def test_killed_at_a_stage_leaves_nothing_that_passes_for_whole(stage: str, deployed: Path) -> None:
    before = _finished(deployed)
    assert in_child(_deploy, deployed, stage) == -signal.SIGKILL
    read_report(deployed / "report.json")
    assert _finished(deployed) == before


def _killed_at_a_rename(deployed: Path, number: int) -> None:
    report = read_report(deployed / "report.json")
    count = 0
    replace = os.replace

    def dying(source: str, target: Path) -> None:
        nonlocal count
        count += 1
        if count == number:
            kill_myself()
        replace(source, target)

    files.os.replace = dying  # type: ignore[assignment]
    write_report(report, deployed)


@pytest.mark.parametrize("number", [1, 3])
def test_killed_while_the_report_is_written(number: int, deployed: Path) -> None:
    assert in_child(_killed_at_a_rename, deployed, number) == -signal.SIGKILL
    read_report(deployed / "report.json")
    assert (deployed / "report.html").read_text().rstrip().endswith("</html>")


def test_run_again_after_all_that(deployed: Path) -> None:
    (deployed / ".rounds-dead").mkdir()
    (deployed / ".rounds-dead" / "half.tar").write_text("half")
    result = _deploy(deployed)
    assert result.report.verification is not None
    assert result.report.verification.equal_bytes
    assert not [name for name in _visible(deployed) if name.startswith(".")]


@pytest.mark.slow
def test_killed_at_any_moment_then_run_again(run: Run, folder: Path, tmp_path: Path) -> None:
    """The command itself, with all that it has started, at moments of its whole life."""
    command = [sys.executable, "-m", "sqtvm", *DEPLOY, "--verify-samples", "2"]
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": root, "XDG_CACHE_HOME": str(tmp_path / "cache")}

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True)

    began = time.monotonic()
    assert start().wait(timeout=300) == 0
    whole = time.monotonic() - began
    first = read_report(folder / "sqtvm-out" / "report.json")
    for share in (0.3, 0.5, 0.65, 0.8, 0.9, 0.95, 0.98):
        shutil.rmtree(tmp_path / "cache")
        process = start()
        time.sleep(share * whole)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        read_report(folder / "sqtvm-out" / "report.json")
    assert start().wait(timeout=300) == 0
    again = read_report(folder / "sqtvm-out" / "report.json")
    assert again.created > first.created
    assert again.totals == first.totals
    assert again.layers == first.layers
    names = _visible(folder / "sqtvm-out")
    assert not [name for name in names if name.startswith(".")]


def test_two_deployments_into_one_folder(run: Run, folder: Path) -> None:
    with output_folder(folder / "sqtvm-out"):
        result = run(*DEPLOY)
    assert_one_clear_line(result, "another deployment", "--out")


def _die_inside(folder: Path) -> None:
    with output_folder(folder):
        kill_myself()


def test_lock_of_a_killed_deployment_stops_nobody(tmp_path: Path) -> None:
    assert in_child(_die_inside, tmp_path) == -signal.SIGKILL
    with output_folder(tmp_path):
        pass


def test_full_disk_keeps_the_report_that_was_there(
    deployed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (deployed / "report.json").read_bytes()

    def full(*_arguments: object, **_more: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files.os, "fdopen", full)
    with pytest.raises(SqtvmError, match=r"(?i)no space left"):
        _deploy(deployed)
    assert (deployed / "report.json").read_bytes() == before


def _deploy_with_short_files(limit: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    result = CliRunner().invoke(app, list(DEPLOY))
    assert_one_clear_line(result)


@pytest.mark.parametrize("limit", [1, 2_000, 30_000])
def test_files_that_cannot_grow(limit: int, run: Run, folder: Path) -> None:
    assert in_child(_deploy_with_short_files, limit) == 0
    assert not (folder / "sqtvm-out" / "report.json").exists()


@pytest.mark.parametrize("out", ["/proc/sqtvm-out", "/dev/null/out", "samples.npz"])
def test_output_that_cannot_be_written(out: str, run: Run, folder: Path) -> None:
    before = (folder / "samples.npz").read_bytes()
    result = run(*DEPLOY, "--out", out)
    if out == "samples.npz":
        assert result.exit_code == 2, "a file is no folder: wrong usage"
    else:
        assert_one_clear_line(result)
    assert (folder / "samples.npz").read_bytes() == before


def test_folders_of_others_are_kept_and_told_of_at_once(run: Run, folder: Path) -> None:
    mine = folder / "sqtvm-out" / "firmware" / "main.c"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    result = run(*DEPLOY, "--verify-samples", "1")
    assert_one_clear_line(result, "sqtvm-out/firmware", "not a firmware project of sqtvm")
    assert mine.read_text() == "mine"
    assert not (folder / "sqtvm-out" / "model.tar").exists()


def test_paths_that_cmake_does_not_take_are_named(run: Run, folder: Path) -> None:
    result = run(*DEPLOY, "--verify-samples", "1", "--out", 'mine; "all" $x')
    assert_one_clear_line(result, "path with '\"' '$' ';'", "--out")


def test_missing_compilers_are_named(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "empty").mkdir()
    monkeypatch.setenv("PATH", str(folder / "empty"))
    assert_one_clear_line(run(*DEPLOY), "is not installed", "apt-get install")


def test_impossible_budget_has_its_status_and_leaves_a_report(run: Run, folder: Path) -> None:
    result = run(*DEPLOY, "--budget-flash", "1", "--verify-samples", "2")
    assert result.exit_code == 3, result.stderr
    report = json.loads((folder / "sqtvm-out" / "report.json").read_text())
    assert report["met"] is False


def _zero_weights(net: nn.Module) -> None:
    for parameter in net.parameters():
        parameter.zero_()


def _dead_relus(net: nn.Module) -> None:
    net[0].bias.fill_(-1e3)  # type: ignore[index, operator, union-attr]


def _constant_channel(net: nn.Module) -> None:
    net[0].weight[0].zero_()  # type: ignore[index, union-attr]


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(_zero_weights, marks=pytest.mark.slow),
        _dead_relus,
        pytest.param(_constant_channel, marks=pytest.mark.slow),
    ],
)
def test_degenerate_networks_deploy_bit_for_bit(harm: object, tmp_path: Path) -> None:
    net = tiny()
    with torch.no_grad():
        harm(net)  # type: ignore[operator]
    x, y = samples()
    x[:, :, :4] = 0.5
    result = sqtvm.deploy(
        net, (x, np.zeros_like(y)), board=BOARD, out=tmp_path / "out", verify_samples=3
    )
    assert result.report.verification is not None
    assert result.report.verification.equal_bytes
