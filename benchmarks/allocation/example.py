"""The modules of the examples, which are no packages."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

FOLDER = Path(__file__).resolve().parents[2] / "examples"


def module(example: str, name: str) -> ModuleType:
    """``examples/EXAMPLE/NAME.py``, run under a name of its own."""
    path = FOLDER / example / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"{example}_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found
