"""One cell of the benchmark: a network, a budget, a method, a path and a seed, and its result."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).with_name("results.jsonl")

SHARES = (100, 60, 50, 40, 30, 25)
SEEDS = (0, 1, 2)
METHODS = (
    "measured",
    "uniform",
    "integer-programming",
    "sigmaquant",
    "greedy",
    "hawq-v2",
    "random",
)


class Finish(StrEnum):
    """What is done with the chosen bits."""

    CORRECTED = "bias correction"
    FINE_TUNED = "fine-tuning"
    RECONSTRUCTED = "adaptive rounding"


@dataclass(frozen=True)
class Cell:
    """share: of the weights' bytes at 8 bits, percent."""

    network: str
    share: int
    method: str
    finish: Finish
    seed: int


@dataclass(frozen=True)
class Result:
    """weight_bits: of the layers in order; accuracies: of the whole test set, fractions;
    evaluations: networks that the choice of bits ran; seconds of the choice and of what followed;
    same_as: the method whose equal bits were finished before, "" where they were finished here;
    settings: everything else that the result hangs on."""

    cell: Cell
    weight_bits: tuple[int, ...]
    weight_bytes: int
    budget_bytes: int
    float_accuracy: float
    accuracy: float
    evaluations: int
    allocate_seconds: float
    finish_seconds: float
    same_as: str
    settings: Mapping[str, Any]


def order() -> list[Cell]:
    """Every cell, the most telling first."""
    images = ("ResNet-8", "MobileNetV1-0.25")
    rest = ("DS-CNN", "LeNet", "accelerometer CNN")
    stages = [
        (images, (30, 40), (0,)),
        (rest, (30, 40), (0,)),
        (images, (30, 40), (1, 2)),
        (images, (25, 50, 60, 100), SEEDS),
        (rest, (30, 40), (1, 2)),
        (rest, (25, 50, 60, 100), SEEDS),
    ]
    first, others = METHODS[:2], METHODS[2:]
    turns = [
        (Finish.FINE_TUNED, first),
        (Finish.CORRECTED, METHODS),
        (Finish.RECONSTRUCTED, first),
        (Finish.FINE_TUNED, others),
        (Finish.RECONSTRUCTED, others),
    ]
    return [
        Cell(network, share, method, finish, seed)
        for networks, shares, seeds in stages
        for seed in seeds
        for finish, methods in turns
        for method in methods
        for share in shares
        for network in networks
    ]


def read(path: Path = RESULTS) -> list[Result]:
    """All results; a last line that was cut off by a kill is left out."""
    if not path.exists():
        return []
    results = []
    for line in path.read_text().splitlines():
        try:
            found = json.loads(line)
        except json.JSONDecodeError:
            continue
        cell = found.pop("cell")
        cell["finish"] = Finish(cell["finish"])
        found["weight_bits"] = tuple(found["weight_bits"])
        results.append(Result(cell=Cell(**cell), **found))
    return results


def append(result: Result, path: Path = RESULTS) -> None:
    with path.open("a") as file:
        file.write(json.dumps(asdict(result)) + "\n")
        file.flush()
