"""Renders a platform's template into a firmware project that stands alone."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqtvm.errors import SqtvmError
from sqtvm.firmware import render
from sqtvm.firmware.archive import NetworkArchive, read_archive
from sqtvm.firmware.boards import Board
from sqtvm.firmware.edits import PROJECT_FILE, fingerprints, set_aside


@dataclass(frozen=True)
class Project:
    """A rendered project: its folder, its board, the SHA-256 (hexadecimal) of the archive that it
    was made from, the name of its template, and where the one before it went, if a user had changed
    files of it."""

    path: Path
    board: Board
    archive_sha256: str
    platform: str = "baremetal"
    set_aside: Path | None = None


def generate(
    archive: Path, board: Board, destination: Path, platform: str = "baremetal"
) -> Project:
    """Render the project for ``board`` from a Model Library Format archive.

    destination: a folder that does not exist yet, is empty, or holds an earlier project, which
    is replaced as a whole, builds included; but one with files that were changed since, or added,
    becomes ``DESTINATION-edited-N``. Raises SqtvmError for a file that is no archive, for
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
        aside = _replace(root, destination)
    return Project(destination, board, network.sha256, platform, aside)


def remember(project: Path) -> None:
    """Count files that were put into a project after ``generate`` as its own, not as a user's."""
    mark = json.loads((project / PROJECT_FILE).read_text(encoding="utf-8"))
    _write(project, mark)


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
    """Raises SqtvmError for what is there and no project of ours, which nothing may replace, and
    for the current folder, which cannot be."""
    if destination.name in ("", ".."):
        raise SqtvmError(
            f"{destination}: the folder that one stands in cannot be replaced",
            "give the name of another one",
        )
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
    _write(root, mark)


def _write(root: Path, mark: Mapping[str, object]) -> None:
    content = json.dumps({**mark, "files": fingerprints(root)}, indent=2) + "\n"
    (root / PROJECT_FILE).write_text(content, encoding="utf-8")


def _replace(root: Path, destination: Path) -> Path | None:
    """The old folder makes way only when the new one is whole; it goes with the temporary one,
    unless it holds what a user would miss: then its new path is returned."""
    aside = set_aside(destination)
    if destination.is_dir():
        os.replace(destination, root.parent / "replaced")
    os.replace(root, destination)
    return aside
