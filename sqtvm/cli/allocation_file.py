"""``allocation.json``: what ``sqtvm allocate`` writes and ``sqtvm compile`` reads."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from sqtvm.allocate.allocation import Allocation
from sqtvm.errors import SqtvmError
from sqtvm.input_file import read_small
from sqtvm.report.files import write_whole
from sqtvm.report.schema import CostPart, DecisionPart
from sqtvm.report.turns import decision_parts


class AllocationFile(BaseModel):
    """Bits by layer, what they were predicted to cost, and every decision on the way there.

    activation_bits: of the tensors that have not 8; accuracy: of the integer network on the samples
    that guided the search; None without labels.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    board: str
    method: str
    weight_bits: dict[str, Literal[8, 4, 2]]
    activation_bits: dict[str, Literal[8, 4]] = {}
    accuracy: float | None
    predicted: CostPart
    feasible: bool
    binding: tuple[str, ...]
    decisions: tuple[DecisionPart, ...] = ()


def from_allocation(allocation: Allocation, model: str, board: str) -> AllocationFile:
    cost = allocation.cost
    return AllocationFile.model_validate(
        {
            "model": model,
            "board": board,
            "method": allocation.method,
            "weight_bits": dict(allocation.weight_bits),
            "activation_bits": dict(allocation.activation_bits),
            "accuracy": None if math.isnan(allocation.accuracy) else allocation.accuracy,
            "predicted": {
                "ms": cost.ms,
                "flash_bytes": cost.flash_bytes,
                "ram_bytes": cost.ram_bytes,
                "weight_bytes": cost.weight_bytes,
            },
            "feasible": allocation.feasible,
            "binding": allocation.binding,
            "decisions": decision_parts(allocation),
        }
    )


def write(file: AllocationFile, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, (file.model_dump_json(indent=2) + "\n").encode())
    except OSError as error:
        raise SqtvmError(f"{path}: cannot be written: {error.strerror}") from error


def read(path: Path) -> AllocationFile:
    """Raises SqtvmError naming the file, the key and what is wrong with it."""
    try:
        return AllocationFile.model_validate_json(read_small(path))
    except OSError as error:
        raise SqtvmError(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise SqtvmError(
            f"{path}: {key}: {first['msg']}".replace(": :", ":"),
            "it is written by sqtvm allocate",
        ) from error
