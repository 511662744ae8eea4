"""The whole line on a small network: budgets that hold, that bind, and that cannot hold."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from sqtvm import pipeline
from sqtvm.allocate.budget import Budget
from sqtvm.errors import SqtvmError
from sqtvm.firmware.boards import load_board
from sqtvm.firmware.memory_use import memory_use
from sqtvm.progress import Progress
from sqtvm.realise import Workshop
from sqtvm.report.schema import Report
from sqtvm.rounds import Round
from sqtvm.settings import DeploySettings
from sqtvm.tune import Tuned


class Net(nn.Module):
    """Three classes from 8x8 images: a stripe's direction."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 12, 3, padding=1),
            nn.BatchNorm2d(12),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(12, 48, 3, padding=1),
            nn.ReLU(),
        )
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(48 * 16, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.features(x))
        return logits


def stripes(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    y = random.integers(0, 3, count)
    x = random.normal(size=(count, 1, 8, 8), scale=0.4)
    for image, kind, place in zip(x, y, random.integers(1, 7, count), strict=True):
        if kind == 0:
            image[0, place] += 2
        elif kind == 1:
            image[0, :, place] += 2
        else:
            image[0] += 2 * np.eye(8)
    return x.astype(np.float32), y.astype(np.int64)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str, str]:
    """A trained network as .pt2, evaluation and training data as .npz."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("stripes")
    x, y = stripes(600, 0)
    model = Net()
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    for _ in range(60):
        loss = nn.functional.cross_entropy(model(torch.from_numpy(x)), torch.from_numpy(y))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    program = torch.export.export(model.eval(), (torch.zeros(1, 1, 8, 8),))
    torch.export.save(program, folder / "net.pt2")
    np.savez(folder / "train.npz", x=x, y=y)
    test_x, test_y = stripes(300, 1)
    np.savez(folder / "test.npz", x=test_x, y=test_y)
    return str(folder / "net.pt2"), str(folder / "test.npz"), str(folder / "train.npz")


def deploy(files: tuple[str, str, str], out: Path, budget: Budget, board: str) -> Report:
    model, data, training = files
    settings = DeploySettings(
        model=model,
        data=data,
        training=training,
        board=board,
        budget=budget,
        out=out,
        verify_samples=20,
    )
    stages: list[str] = []

    def note(progress: Progress) -> None:
        stages.append(progress.stage)

    report = pipeline.deploy(settings, note).report
    for stage in ("load", "quantize", "allocate", "compile", "build", "measure", "accuracy"):
        assert stage in stages
    return report


@pytest.mark.parametrize("board", ["stm32f746", "stm32f446"])
def test_a_budget_with_room_keeps_eight_bits(
    files: tuple[str, str, str], tmp_path: Path, board: str
) -> None:
    out = tmp_path / "out"
    report = deploy(files, out, Budget(ms=50), board)
    assert report.met
    assert {layer.weight_bits for layer in report.layers} == {8, None}
    assert report.verification is not None
    assert report.verification.samples == 20
    assert report.verification.equal_bytes
    assert report.accuracy.float_ is not None
    assert report.accuracy.float_ > 0.95
    assert report.accuracy.allocated == pytest.approx(report.accuracy.float_, abs=0.02)
    assert sum(layer.instructions or 0 for layer in report.layers) < (
        report.totals.instructions or 0
    )
    pictures = ("layers", "accuracy", "memory", "front")
    assert {path.name for path in out.iterdir() if not path.name.startswith(".")} == {
        *("firmware", "model.tar", "report.json", "report.html"),
        *(f"{name}.{kind}" for name in pictures for kind in ("png", "svg")),
    }
    assert json.loads((out / "report.json").read_text())["met"] is True
    image = memory_use(out / "firmware" / "build" / "board" / "firmware.elf")
    assert report.totals.flash_bytes == image.flash_bytes, "not the emulator's image"
    assert report.totals.memory.ram_static == image.ram_static
    assert 0 < report.totals.memory.ram_stack < image.ram_stack, "used, of what is reserved"


def test_a_flash_budget_is_held_with_fewer_bits(
    files: tuple[str, str, str], tmp_path: Path
) -> None:
    roomy = deploy(files, tmp_path / "roomy", Budget(), "stm32f746")
    limit = roomy.totals.flash_bytes - 1500
    report = deploy(files, tmp_path / "tight", Budget(flash_bytes=limit), "stm32f746")
    assert report.met
    assert report.totals.flash_bytes <= limit
    assert report.totals.weight_bytes < roomy.totals.weight_bytes
    assert report.verification is not None
    assert report.verification.equal_bytes
    assert len(report.iterations) >= 2
    assert report.iterations[1].predicted_source == "emulated"


def test_accuracy_is_of_the_weights_that_are_kept(
    files: tuple[str, str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search that trains tells of others."""
    found = pipeline.run_rounds

    def of_other_weights(*arguments: Any) -> tuple[Round, ...]:
        return tuple(
            replace(turn, allocation=replace(turn.allocation, accuracy=0.25))
            for turn in found(*arguments)
        )

    def untuned(workshop: Workshop, *_: object) -> Tuned:
        return Tuned(workshop.model.graph, workshop.activations)

    monkeypatch.setattr(pipeline, "run_rounds", of_other_weights)
    monkeypatch.setattr(pipeline, "tune", untuned)
    report = deploy(files, tmp_path, Budget(max_drop=1), "stm32f746")
    (kept,) = (turn for turn in report.iterations if turn.kept)
    assert kept.accuracy is not None
    assert kept.accuracy > 0.9
    assert report.met


def test_a_second_deployment_builds_only_what_it_leaves(
    files: tuple[str, str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    built: list[list[str]] = []

    def note(progress: Progress) -> None:
        if progress.stage in ("costs", "compile"):
            built[-1].append(progress.stage)

    reports = []
    for number in range(2):
        built.append([])
        model, data, training = files
        settings = DeploySettings(
            model=model,
            data=data,
            training=training,
            board="stm32f446",
            out=tmp_path / str(number),
            candidates=2,
            executor="local:2",
        )
        reports.append(pipeline.deploy(settings, note).report)
    assert "costs" in built[0]
    assert built[1] == ["compile"]
    assert len(built[0]) == 1 + len(reports[0].iterations) + 2 + 1
    front = reports[1].front
    assert [point.label for point in front][-2:] == ["candidate 1", "candidate 2"]
    assert {tuple(point.weight_bits.values()) for point in front} == {(8,) * 3, (4,) * 3, (2,) * 3}
    assert any(point.on_front for point in front)
    first, second = (report.iterations[0] for report in reports)
    assert (second.ms, second.flash_bytes, second.ram_bytes) == (
        first.ms,
        first.flash_bytes,
        first.ram_bytes,
    )
    # All but what runs between the layers is known before anything is built.
    assert first.predicted.ms == pytest.approx(first.ms, rel=0.1)


def test_energy_is_a_budget_like_the_others(files: tuple[str, str, str], tmp_path: Path) -> None:
    report = deploy(files, tmp_path / "out", Budget(energy_mj=0.0001), "stm32f746")
    assert not report.met
    (verdict,) = report.verdicts
    assert (verdict.budget, verdict.unit, verdict.source) == ("energy", "mJ", "modelled")
    board = load_board("stm32f746")
    power = board.power
    assert power is not None
    milliamperes = power.run_milliamperes(board.clock_hz, board.placement.code)
    milliwatts = power.supply_volts * milliamperes
    assert report.totals.energy_mj == pytest.approx(milliwatts * report.totals.ms / 1000)
    assert power.conditions in report.totals.energy_detail
    assert all("energy" in reason for turn in report.iterations for reason in turn.failing)


def test_energy_that_nobody_knows_is_no_budget(files: tuple[str, str, str], tmp_path: Path) -> None:
    with pytest.raises(SqtvmError, match=r"energy .* has no \[power\]") as caught:
        deploy(files, tmp_path / "out", Budget(energy_mj=1), "mps2-an500")
    assert "--meter" in caught.value.hint


def test_what_cannot_hold_leaves_the_nearest_firmware(
    files: tuple[str, str, str], tmp_path: Path
) -> None:
    report = deploy(files, tmp_path / "out", Budget(flash_bytes=1000), "stm32f746")
    assert not report.met
    assert [verdict.holds for verdict in report.verdicts] == [False]
    assert {layer.weight_bits for layer in report.layers} == {2, None}
    assert (tmp_path / "out" / "firmware" / "build" / "board" / "firmware.elf").is_file()
