"""The stages as commands, one after the other, on a network small enough to run in seconds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sqtvm.allocate.allocate import METHODS
from sqtvm.report.write import read_report
from tests.cli.conftest import Run

_NETWORK = """
import torch
from torch import nn

def tiny():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3)
    )
"""
_SETTINGS = 'model = "tiny_network:tiny"\ndata = "samples.npz"\nboard = "stm32f746"\n'


@pytest.fixture
def folder(run: Run) -> Path:
    """The current folder, with a network, 60 samples and settings in it."""
    folder = Path.cwd()
    (folder / "tiny_network.py").write_text(_NETWORK)
    (folder / "sqtvm.toml").write_text(_SETTINGS)
    random = np.random.default_rng(0)
    x = random.normal(size=(60, 1, 8, 8)).astype(np.float32)
    np.savez(folder / "samples.npz", x=x, y=random.integers(0, 3, 60))
    return folder


def test_analyze_shows_layers(run: Run, folder: Path) -> None:
    result = run("analyze", "--json")
    assert result.exit_code == 0, result.stderr
    rows = {row["name"]: row for row in json.loads(result.stdout)}
    assert rows["0"]["macs"] == 4 * 9 * 16
    assert rows["0"]["kl"]["2"] > rows["0"]["kl"]["8"]
    assert "whole network" in run("analyze").stdout


@pytest.mark.parametrize("method", METHODS)
def test_every_method_holds_the_budget_and_tells_its_decisions(
    method: str, run: Run, folder: Path
) -> None:
    assert run("allocate", "--budget-flash", "20k", "--out", "roomy.json").exit_code == 0
    roomy = json.loads((folder / "roomy.json").read_text())
    assert roomy["decisions"] == []
    limit = roomy["predicted"]["flash_bytes"] - 60
    training = ["--training", "samples.npz"] if method == "sigmaquant-qat" else []
    result = run("allocate", "--method", method, "--budget-flash", str(limit), *training)
    assert result.exit_code == 0, result.stderr
    file = json.loads((folder / "allocation.json").read_text())
    assert file["method"] == method
    assert file["predicted"]["flash_bytes"] <= limit
    assert set(file["weight_bits"].values()) != {8}
    last = file["decisions"][-1]
    assert last["cost_after"]["flash_bytes"] != last["cost_before"]["flash_bytes"]
    assert last["cluster"] in (0, 1, 2)
    assert last["kl_after"] != last["kl_before"]


def test_stages_in_a_row(run: Run, folder: Path) -> None:
    result = run("allocate", "--budget-flash", "20k")
    assert result.exit_code == 0, result.stderr
    bits = json.loads((folder / "allocation.json").read_text())["weight_bits"]
    assert set(bits) == {"0", "3"}

    result = run("compile", "--allocation", "allocation.json", "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["weight_bits"] == bits

    result = run("build", "network.tar", "--json")
    assert result.exit_code == 0, result.stderr
    images = {image["variant"]: image for image in json.loads(result.stdout)["images"]}
    assert set(images) == {"board", "emulator"}
    assert Path(images["board"]["elf"]).is_file()

    result = run("build", "network.tar", "--image", "board", "--harness", "mlperf-tiny", "--quiet")
    assert result.exit_code == 1
    assert "no benchmark of MLPerf Tiny takes inputs of 8 x 8 x 1" in result.stderr

    result = run("build", "network.tar", "--platform", "zephyr", "--out", "application", "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["images"] == []
    assert (folder / "application" / "west.yml").is_file()

    result = run("flash", "firmware", "--image", "nothing", "--quiet")
    assert result.exit_code == 1
    assert "build/nothing/firmware.elf: is not there" in result.stderr

    result = run("run", "firmware", "--samples", "5", "--json")
    assert result.exit_code == 0, result.stderr
    measured = json.loads(result.stdout)
    assert measured["samples"] == 5
    assert measured["layers"][0]["name"] == "0"
    assert sum(layer["instructions"] for layer in measured["layers"]) < measured["instructions"]
    assert "whole inference" in run("run", "firmware", "--samples", "1").stdout


def test_deploy_leaves_report_and_firmware(run: Run, folder: Path) -> None:
    result = run("deploy", "--budget-ms", "50", "--verify-samples", "5")
    assert result.exit_code == 0, result.stderr
    report = read_report(folder / "sqtvm-out" / "report.json")
    assert report.met
    assert report.verification is not None
    assert report.verification.samples == 5
    assert report.verification.equal_bytes
    assert (folder / "sqtvm-out" / "firmware" / "CMakeLists.txt").is_file()
    assert "The budget holds." in result.stdout


def test_deploy_says_when_a_budget_cannot_hold(run: Run, folder: Path) -> None:
    result = run("deploy", "--budget-flash", "1k", "--verify-samples", "2")
    assert result.exit_code == 3, result.stderr
    assert not read_report(folder / "sqtvm-out" / "report.json").met
    assert "cannot be held: flash" in result.stdout


def test_allocation_of_another_model_is_refused(run: Run, folder: Path) -> None:
    assert run("allocate").exit_code == 0
    path = folder / "allocation.json"
    content = json.loads(path.read_text())
    content["weight_bits"]["other"] = 8
    path.write_text(json.dumps(content))
    result = run("compile", "--allocation", "allocation.json", "--quiet")
    assert result.exit_code == 1
    assert "gives bits to other" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("analyze", "missing.onnx", "--data", "samples.npz"), "missing.onnx"),
        (("analyze", "tiny_network:huge", "--data", "samples.npz"), "huge"),
        (("analyze", "--data", "missing.npz"), "missing.npz"),
        (("compile", "--allocation", "missing.json"), "missing.json"),
        (("compile", "--board", "stm33"), "stm33"),
        (("build", "samples.npz", "--board", "stm32f746"), "samples.npz"),
        (("run", "nowhere"), "nowhere"),
        (("run", "--measure", "none"), "none"),
    ],
)
def test_mistakes_are_lines_not_traces(
    run: Run, folder: Path, arguments: tuple[str, ...], words: str
) -> None:
    result = run(*arguments, "--quiet")
    assert result.exit_code == 1, result.stdout
    assert words in result.stderr
    assert "Traceback" not in result.stderr
    assert "fault in sqtvm" not in result.stderr


def test_bits_and_allocation_together_are_wrong_usage(run: Run, folder: Path) -> None:
    assert run("compile", "--bits", "8", "--allocation", "allocation.json").exit_code == 2
