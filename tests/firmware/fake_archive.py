"""A Model Library Format archive of a network of two layers, written by hand."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np

from sqtvm.kernels import include_directory

SOURCES = Path(__file__).parent / "fake_network"
WEIGHTS = np.array([1, -2, 3, 4, -5, 6])
WORKSPACE_BYTES = 64


def metadata() -> dict[str, Any]:
    memory = {
        "functions": {
            "main": [{"workspace_size_bytes": WORKSPACE_BYTES, "constants_size_bytes": 6}],
            "operator_functions": [],
        }
    }
    return {
        "version": 7,
        "modules": {"default": {"model_name": "default", "memory": memory}},
        "sqtvm": {
            "model": "fake",
            "input": {"name": "input", "shape": [1, 6], "scale": 0.1, "zero_point": 3},
            "output": {"name": "output", "shape": [1, 3], "scale": 2.0, "zero_point": -7},
            "layers": ["multiply", "add"],
        },
    }


def contents() -> dict[str, bytes]:
    """The archive's files by name."""
    files = {"./metadata.json": json.dumps(metadata()).encode(), "./src/relay.txt": b""}
    profile = include_directory() / "sqtvm" / "profile.h"
    files["./codegen/host/include/sqtvm/profile.h"] = profile.read_bytes()
    for path in sorted(path for path in SOURCES.rglob("*") if path.is_file()):
        files[f"./codegen/host/{path.relative_to(SOURCES).as_posix()}"] = path.read_bytes()
    return files


def write(destination: Path, files: dict[str, bytes] | None = None) -> Path:
    """Always the same bytes for the same files."""
    with tarfile.open(destination, "w") as tar:
        for name, content in (contents() if files is None else files).items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return destination


def expected(x: np.ndarray) -> np.ndarray:
    """What the network computes: int8 [6] to int8 [3]."""
    hidden = np.clip(x.astype(np.int64) * WEIGHTS, -128, 127)
    return np.clip(hidden[:3] + hidden[3:], -128, 127).astype(np.int8)
