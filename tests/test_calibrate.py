"""A model fitted to a board that is simulated: the emulator, where each instruction takes as long
as any other, so that the right answer is known."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sqtvm import calibrate as stage
from sqtvm.errors import BoardError, MeasurementError
from sqtvm.firmware.boards import Board, load_board
from sqtvm.firmware.build import Firmware, build
from sqtvm.firmware.resources import boards_directory
from sqtvm.measure import calibrated
from sqtvm.measure.calibrated import (
    Calibration,
    Observation,
    fit,
    model_for_board,
    read_calibration,
    write_calibration,
)
from sqtvm.measure.counted import emulated_machine
from sqtvm.measure.cycles import Span, model_for
from sqtvm.measure.emulator import Emulator
from sqtvm.measure.target import Target

BOARD = load_board("stm32f746")
MODEL = model_for(BOARD.core)


def observations(scale: float, fills: float, noise: float = 0.0) -> list[Observation]:
    random = np.random.default_rng(0)
    found = []
    for number in range(20):
        issue, filling = float(random.integers(1000, 90_000)), float(random.integers(0, 20_000))
        cycles = (scale * issue + fills * filling) * (1 + noise * float(random.normal()))
        found.append(Observation(f"layer {number}", issue, filling, cycles))
    return found


def test_the_fit_finds_what_made_the_cycles() -> None:
    found = fit(BOARD, MODEL, observations(1.1, 0.6))
    assert found.scale.likely == pytest.approx(1.1, abs=1e-3)
    assert found.fills == pytest.approx(0.6, abs=1e-3)
    assert found.scale.high - found.scale.low < 0.01
    assert found.layers == 20


def test_what_does_not_fit_is_the_models_range() -> None:
    found = fit(BOARD, MODEL, observations(1.1, 0.6, noise=0.05))
    assert found.scale.likely == pytest.approx(1.1, rel=0.1)
    assert found.scale.low < found.scale.likely < found.scale.high


def test_without_caches_there_is_only_a_scale() -> None:
    plain = [dataclasses.replace(each, fill_cycles=0.0) for each in observations(1.0, 0.0)]
    found = fit(
        BOARD, MODEL, [dataclasses.replace(e, measured_cycles=1.3 * e.issue_cycles) for e in plain]
    )
    assert (found.scale.likely, found.fills) == (pytest.approx(1.3), 1.0)


def test_too_few_layers_are_an_error() -> None:
    with pytest.raises(MeasurementError, match="2 layers were measured"):
        fit(BOARD, MODEL, observations(1.0, 1.0)[:2])


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the board's file is said to be."""
    monkeypatch.setattr(
        calibrated, "calibration_path", lambda board: tmp_path / "board.cycles.toml"
    )
    monkeypatch.setattr(stage, "calibration_path", lambda board: tmp_path / "board.cycles.toml")
    return tmp_path / "board.cycles.toml"


def test_a_kept_calibration_is_the_boards_model(beside: Path) -> None:
    assert model_for_board(BOARD) == MODEL
    found = fit(BOARD, MODEL, observations(1.1, 0.6, noise=0.02))
    write_calibration(beside, found)
    assert read_calibration(beside) == found
    own = model_for_board(BOARD)
    assert own.scale == found.scale
    assert own.memory is not None
    assert own.memory.factor == found.fills
    assert "stm32f746" in own.title
    assert "20 layers on stm32f746" in own.error


def test_one_of_another_model_is_passed_over(
    beside: Path, caplog: pytest.LogCaptureFixture
) -> None:
    found = fit(BOARD, MODEL, observations(1.1, 0.6))
    write_calibration(beside, found.model_copy(update={"base_version": 0}))
    assert model_for_board(BOARD) == MODEL
    assert "calibrate again" in caplog.text


@pytest.mark.parametrize("text", ["scale", "base = 1\n", ""])
def test_a_wrong_file_is_an_error(beside: Path, text: str) -> None:
    beside.write_text(text)
    with pytest.raises(BoardError, match=r"board\.cycles\.toml"):
        model_for_board(BOARD)


def test_a_folder_that_cannot_be_written_to_is_an_error(tmp_path: Path) -> None:
    span = Span(low=1, likely=1, high=1)
    found = Calibration(
        base="m", base_version=1, board="b", date="2026-11-23", layers=3, scale=span, fills=1
    )
    with pytest.raises(BoardError, match="cannot be written"):
        write_calibration(tmp_path / "missing" / "b.cycles.toml", found)


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Board, Any]]:
    """A board, and what writes an image to it. Its counter runs at a fixed number of ticks for
    every instruction: 64 ns at 25 MHz."""
    emulator = BOARD.emulator.model_copy(update={"cycle_counter": "cmsdk-timer"})
    board = BOARD.model_copy(update={"emulator": emulator, "clock_hz": emulator.clock_hz})
    address: list[str] = []

    def build_both(project: Any, variant: str, *rest: object) -> Firmware:
        """The board's image is the emulated one, which the simulated board can run."""
        made = build(project, "emulator")
        return made if variant == "emulator" else dataclasses.replace(made, variant="board")

    monkeypatch.setattr(stage, "build", build_both)
    with ExitStack() as running:

        def write_image(elf: Path, _board: Board) -> None:
            machine = emulated_machine(board)
            steady = dataclasses.replace(
                machine, options=(*machine.options, "-icount", "shift=6,sleep=off")
            )
            address.append(running.enter_context(Emulator(steady, elf)).address)

        class Late:
            """The simulated board's port, known when it runs."""

            kind, baudrate = "serial", 115200

            @property
            def port(self) -> str:
                return address[0]

            def __str__(self) -> str:
                return "serial:simulated"

        yield board, (Late(), write_image)


def test_a_simulated_board_is_fitted(simulated: tuple[Board, Any], beside: Path) -> None:
    board, (target, write_image) = simulated
    found, path = stage.calibrate(board, target, write_image=write_image)
    assert path == beside
    assert read_calibration(path) == found
    assert found.layers >= 20
    # Every instruction takes 64 ns, 1.6 ticks: where the model issues two at once the simulated
    # board takes 3.2 of its cycles, where one waits a cycle for another 0.8.
    assert found.scale.low > 0.8
    assert 1.3 < found.scale.likely < 2.5
    assert found.scale.high < 3.3
    assert found.scale.low < found.scale.likely < found.scale.high
    assert model_for_board(board).scale == found.scale


@pytest.mark.parametrize("kind", ["emulator", "none"])
def test_only_boards_can_be_calibrated(kind: Any) -> None:
    with pytest.raises(MeasurementError, match="on a board, not in the emulator"):
        stage.calibrate(BOARD, Target(kind))


def test_it_is_kept_beside_the_boards_file(tmp_path: Path) -> None:
    own = tmp_path / "mine.toml"
    own.write_text((boards_directory() / "stm32f746.toml").read_text())
    board = load_board(own)
    path = calibrated.calibration_path(board)
    assert path == tmp_path / "stm32f746.cycles.toml"
    assert calibrated.calibration_path(BOARD) == boards_directory() / path.name
    found = fit(board, MODEL, observations(1.1, 0.6))
    write_calibration(path, found)
    assert model_for_board(board).scale == found.scale
    assert model_for_board(BOARD) == MODEL
