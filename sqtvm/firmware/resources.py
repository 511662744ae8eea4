"""Where the board files and the templates lie: inside an installed package, or in the checkout."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


def boards_directory() -> Path:
    """The folder of ``NAME.toml``."""
    return _find("boards")


def templates_directory() -> Path:
    """The folder with one folder a platform."""
    return _find("templates")


def _find(name: str) -> Path:
    installed = _PACKAGE / "_data" / name
    return installed if installed.is_dir() else _PACKAGE.parent / name
