"""The C kernels that compiled networks call: headers only."""

from __future__ import annotations

from pathlib import Path


def include_directory() -> Path:
    """The folder to give the compiler; the headers are ``sqtvm/*.h`` below it."""
    return Path(__file__).parent / "include"
