"""Rendered projects: their files, their README, and what they replace."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sqtvm.errors import SqtvmError
from sqtvm.firmware.boards import load_board
from sqtvm.firmware.edits import PROJECT_FILE, edited
from sqtvm.firmware.project import generate, open_project
from tests.firmware.conftest import Builder

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("name", ["stm32f746", "mps2-an386"])
def test_the_readme_is_the_one_that_was_read_and_found_good(name: str, builder: Builder) -> None:
    readme = (builder.project(name).path / "README.md").read_text()
    assert readme == (GOLDEN / f"README-{name}.md").read_text()


def test_a_project_has_only_its_own_drivers(builder: Builder) -> None:
    sources = {path.name for path in (builder.project("stm32f746").path / "src").iterdir()}
    drivers = {name for name in sources if name.startswith(("clock_", "uart_", "stm32_"))}
    assert drivers == {
        "clock_fixed.c",
        "clock_stm32f7.c",
        "stm32_gpio.h",
        "stm32_rcc.h",
        "stm32_wait.h",
        "uart_cmsdk.c",
        "uart_stm32_usart_v2.c",
    }
    assert not any(name.endswith(".j2") for name in sources)
    emulated = {path.name for path in (builder.project("mps2-an386").path / "src").iterdir()}
    assert not any("stm32" in name for name in emulated)


def test_a_project_can_be_opened_again(builder: Builder, tmp_path: Path) -> None:
    project = builder.project("stm32f746")
    assert open_project(project.path, project.board) == project
    with pytest.raises(SqtvmError, match="is a project for stm32f746, not for stm32f446"):
        open_project(project.path, load_board("stm32f446"))
    with pytest.raises(SqtvmError, match="is not a firmware project"):
        open_project(tmp_path, project.board)


def test_an_earlier_project_is_replaced_as_a_whole(archive: Path, tmp_path: Path) -> None:
    destination = tmp_path / "new" / "firmware"
    generate(archive, load_board("stm32f746"), destination)
    (destination / "build").mkdir()
    (destination / "build" / "old.o").touch()
    project = generate(archive, load_board("mps2-an386"), destination)
    assert project.board.name == "mps2-an386"
    assert not (destination / "build").exists()
    assert not (destination / "src" / "clock_stm32f7.c").exists()
    assert [path.name for path in destination.parent.iterdir()] == ["firmware"]


def test_a_folder_that_is_not_ours_is_left_alone(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(SqtvmError, match="holds files that are not a firmware project"):
        generate(archive, load_board("stm32f746"), tmp_path)
    with pytest.raises(SqtvmError, match="is not a folder"):
        generate(archive, load_board("stm32f746"), tmp_path / "thesis.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("name", [".", ".."])
def test_the_current_folder_is_left_alone(
    name: str, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(SqtvmError, match="one stands in cannot be replaced"):
        generate(archive, load_board("stm32f746"), Path(name))
    assert [path.name for path in tmp_path.rglob("*")] == ["here"]


def test_a_wrong_archive_leaves_the_earlier_project(archive: Path, tmp_path: Path) -> None:
    destination = tmp_path / "firmware"
    project = generate(archive, load_board("stm32f746"), destination)
    (tmp_path / "bad.tar").write_text("no archive")
    with pytest.raises(SqtvmError):
        generate(tmp_path / "bad.tar", project.board, destination)
    assert open_project(destination, project.board) == project


def test_what_a_user_changed_is_kept_when_the_project_is_made_anew(
    archive: Path, tmp_path: Path
) -> None:
    destination = tmp_path / "firmware"
    board = load_board("stm32f746")
    generate(archive, board, destination)
    (destination / "build").mkdir()
    (destination / "build" / "firmware.elf").write_text("made by a build")
    assert generate(archive, board, destination).set_aside is None

    source = next(path for path in destination.rglob("*.c"))
    source.write_text(source.read_text() + "/* mine */")
    first = generate(archive, board, destination)
    assert first.set_aside == tmp_path / "firmware-edited-1"
    kept = first.set_aside / source.relative_to(destination)
    assert kept.read_text().endswith("/* mine */")
    assert not source.read_text().endswith("/* mine */")

    (destination / "notes.txt").write_text("measure the second board")
    second = generate(archive, board, destination)
    assert second.set_aside == tmp_path / "firmware-edited-2"
    assert (second.set_aside / "notes.txt").is_file()
    assert not (destination / "notes.txt").exists()

    (destination / "drivers").symlink_to(tmp_path)
    assert edited(destination) == ["drivers"]
    (destination / "drivers").unlink()

    source.unlink()
    assert edited(destination) == [source.relative_to(destination).as_posix()]
    third = generate(archive, board, destination)
    assert third.set_aside == tmp_path / "firmware-edited-3"
    assert generate(archive, board, destination).set_aside is None


def test_a_project_whose_mark_does_not_tell_is_kept(archive: Path, tmp_path: Path) -> None:
    destination = tmp_path / "firmware"
    generate(archive, load_board("stm32f746"), destination)
    mark = json.loads((destination / PROJECT_FILE).read_text())
    del mark["files"]
    (destination / PROJECT_FILE).write_text(json.dumps(mark))
    again = generate(archive, load_board("stm32f746"), destination)
    assert again.set_aside == tmp_path / "firmware-edited-1"


def test_an_unknown_platform(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(SqtvmError, match="no platform named 'riot'"):
        generate(archive, load_board("stm32f746"), tmp_path / "x", "riot")
    assert list(tmp_path.iterdir()) == []
