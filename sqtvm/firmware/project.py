"""Renders a platform's template into a firmware project that stands alone."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from sqtvm.errors import SqtvmError
from sqtvm.firmware import render
from sqtvm.firmware.archive import NetworkArchive, read_archive
from sqtvm.firmware.boards import Board

PROJECT_FILE = "sqtvm-project.json"


@dataclass(frozen=True)
class Project:
    """A rendered project: its folder, its board, the SHA-256 (hexadecimal) of the archive that it
    was made from, and the name of its template."""

    path: Path
    board: Board
    archive_sha256: str
    platform: str = "baremetal"


def generate(
    archive: Path, board: Board, destination: Path, platform: str = "baremetal"
) -> Project:
    """Render the project for ``board`` from a Model Library Format archive.

    destination: a folder that does not exist yet, is empty, or holds an earlier project, which
    is replaced as a whole, builds included. Raises SqtvmError for a file that is no archive, for
    an unknown platform, or for a folder that is not ours.
    """
    refuse_foreign(destination)
    network = read_archive(archive)
    destination.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=destination.parent, prefix=".project-") as temporary:
        root = Path(temporary) / "project"
        root.mkdir()
        _write_network(network, root / "network")
        render.render(platform, board, network, root)
        _write_mark(root, board, network, platform)
        _replace(root, destination)
    return Project(destination, board, network.sha256, platform)


def open_project(path: Path, board: Board) -> Project:
    """A project that was generated earlier; SqtvmError where there is none for ``board``."""
    try:
        mark = json.loads((path / PROJECT_FILE).read_text(encoding="utf-8"))
        name, sha256 = str(mark["board"]), str(mark["archive_sha256"])
        platform = str(mark["platform"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SqtvmError(f"{path}: is not a firmware project", "make one: sqtvm build") from error
    if name != board.name:
        raise SqtvmError(
            f"{path}: is a project for {name}, not for {board.name}", f"give --board {name}"
        )
    return Project(path, board, sha256, platform)


def refuse_foreign(destination: Path) -> None:
    """Raises SqtvmError for what is there and no project of ours, which nothing may replace."""
    if destination.exists() and not destination.is_dir():
        raise SqtvmError(f"{destination}: is not a folder", "give another one")
    ours = (destination / PROJECT_FILE).is_file()
    if destination.is_dir() and not ours and any(destination.iterdir()):
        raise SqtvmError(
            f"{destination}: holds files that are not a firmware project of sqtvm",
            "give another folder, or empty this one",
        )


def _write_network(network: NetworkArchive, folder: Path) -> None:
    for relative, content in network.files.items():
        path = folder / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _write_mark(root: Path, board: Board, network: NetworkArchive, platform: str) -> None:
    mark = {
        "model": network.model,
        "board": board.name,
        "platform": platform,
        "archive_sha256": network.sha256,
    }
    (root / PROJECT_FILE).write_text(json.dumps(mark, indent=2) + "\n", encoding="utf-8")


def _replace(root: Path, destination: Path) -> None:
    """The old folder makes way only when the new one is whole; it goes with the temporary one."""
    if destination.is_dir():
        os.replace(destination, root.parent / "replaced")
    os.replace(root, destination)
