"""What a user changed in a rendered project, so that rendering it anew loses none of it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

PROJECT_FILE = "sqtvm-project.json"
# What builds and imports leave is made again.
_MADE = {"build", "__pycache__", PROJECT_FILE}


def fingerprints(folder: Path) -> dict[str, str]:
    """SHA-256 (hexadecimal) of every file of a project by its path in it, but for builds and the
    project's own mark; of a symbolic link, of where it leads."""
    found = {}
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if relative.parts[0] in _MADE:
            continue
        if path.is_symlink():
            content = os.fsencode(os.readlink(path))
        elif path.is_file():
            content = path.read_bytes()
        else:
            continue
        found[relative.as_posix()] = hashlib.sha256(content).hexdigest()
    return found


def edited(folder: Path) -> list[str]:
    """Files of a project that are not as they were rendered, gone ones included; all of them
    where its mark does not tell."""
    now = fingerprints(folder)
    rendered = _rendered(folder)
    return [name for name in sorted({*now, *rendered}) if now.get(name) != rendered.get(name)]


def set_aside(folder: Path) -> Path | None:
    """Rename a project with edits to ``FOLDER-edited-N``, which is returned; None without."""
    if not folder.is_dir() or not edited(folder):
        return None
    number = 1
    while (aside := folder.with_name(f"{folder.name}-edited-{number}")).exists():
        number += 1
    os.replace(folder, aside)
    return aside


def kept_words(aside: Path) -> str:
    return f"files of the project before were changed by hand: it is kept as {aside}"


def _rendered(folder: Path) -> Mapping[str, str]:
    try:
        files = json.loads((folder / PROJECT_FILE).read_text(encoding="utf-8"))["files"]
        return {str(name): str(digest) for name, digest in files.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
