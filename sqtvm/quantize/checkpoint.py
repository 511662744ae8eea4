"""Training that was stopped, kept in a file, to go on from.

The file is written beside its place, brought to the disk and renamed: whenever a process is
killed, the file is whole, of this check or of the one before.
"""

from __future__ import annotations

import hashlib
import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from sqtvm.frontend.graph import Conv2d, Graph, Linear


def write(path: Path, key: str, state: Mapping[str, Any]) -> None:
    """key: of what is trained and how, as ``fingerprint`` gives it; state: tensors and numbers."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with temporary.open("wb") as file:
        torch.save({"key": key, "state": dict(state)}, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def read(path: Path, key: str) -> Mapping[str, Any] | None:
    """The state that was written; None where there is none, or it is of other training."""
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (FileNotFoundError, RuntimeError, EOFError, pickle.UnpicklingError):
        return None
    if not isinstance(found, dict) or found.get("key") != key:
        return None
    state: Mapping[str, Any] = found["state"]
    return state


def fingerprint(graph: Graph, *settings: object) -> str:
    """The same for the same weights and settings, whose ``repr`` must tell them."""
    digest = hashlib.sha256(repr(settings).encode())
    for node in graph.weighted:
        assert isinstance(node.op, Conv2d | Linear)
        digest.update(node.op.weight.tobytes())
        digest.update(node.op.bias.tobytes())
    return digest.hexdigest()
