"""The fake archive, and its firmware built once for every board and variant."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sqtvm.firmware.boards import load_board
from sqtvm.firmware.build import Firmware, Variant, build
from sqtvm.firmware.project import Project, generate
from tests.firmware import fake_archive


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fake_archive.write(tmp_path_factory.mktemp("archive") / "fake.tar")


class Builder:
    """Projects and firmware by board, each made when it is first asked for."""

    def __init__(self, archive: Path, folder: Path) -> None:
        self._archive = archive
        self._folder = folder
        self._projects: dict[str, Project] = {}
        self._built: dict[tuple[str, Variant], Firmware] = {}

    def project(self, board: str) -> Project:
        if board not in self._projects:
            destination = self._folder / board
            self._projects[board] = generate(self._archive, load_board(board), destination)
        return self._projects[board]

    def firmware(self, board: str, variant: Variant) -> Firmware:
        if (board, variant) not in self._built:
            self._built[board, variant] = build(self.project(board), variant)
        return self._built[board, variant]


@pytest.fixture(scope="session")
def builder(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Builder:
    for program in ("cmake", "ninja", "arm-none-eabi-gcc", "qemu-system-arm"):
        if shutil.which(program) is None:
            pytest.fail(f"the firmware's tests need {program}")
    return Builder(archive, tmp_path_factory.mktemp("projects"))
