"""One cell of the benchmark: a network, a budget, a method, a path and a seed, and its result."""

from __future__ import annotations

import json
import os
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
    "sigmaquant-qat",
)
# It trains within the search, so it has no place among what is not trained.
TRAINING_METHODS = ("sigmaquant-qat",)


class Finish(StrEnum):
    """What is done with the chosen bits; mean and spread of channels are corrected always."""

    CORRECTED = "post-training"
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
    evaluations: networks that the choice of bits ran; seconds of the choice and of what followed,
    of one processor, which other processes do not lengthen; same_as: the method whose equal bits
    were finished before, "" where they were finished here;
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


def order(folds: tuple[str, ...]) -> list[Cell]:
    """Every cell, the most telling first: what stands early is finished when time runs out.
    folds: the names of the accelerometer CNN's tasks."""
    small = (*folds, "LeNet")
    large = ("ResNet-8", "MobileNetV1-0.25", "DS-CNN")
    tight, first = (40, 30), (0,)
    trained, corrected = Finish.FINE_TUNED, Finish.CORRECTED
    # Those that take longest to choose come last.
    slow = ("random", "sigmaquant-qat")
    quick = tuple(method for method in METHODS if method not in slow)
    stages = [
        (small, SHARES, corrected, first, METHODS),
        (large[:2], tight, corrected, first, quick),
        (large[:2], tight, trained, first, METHODS[:2]),
        (large, tight, corrected, first, quick),
        (large, tight, trained, first, METHODS[:2]),
        (large, SHARES, corrected, first, quick),
        (small, SHARES, trained, first, METHODS),
        (small, SHARES, corrected, SEEDS, METHODS),
        (small, SHARES, trained, SEEDS, METHODS),
        (large, tight, trained, first, quick),
        (large, SHARES, corrected, first, METHODS),
        (large, tight, trained, first, METHODS),
        (large, SHARES, corrected, SEEDS, METHODS),
        (large, tight, trained, SEEDS, METHODS),
        (large, SHARES, trained, SEEDS, METHODS),
    ]
    every = [
        Cell(network, share, method, finish, seed)
        for networks, shares, finish, seeds, methods in stages
        for seed in seeds
        for network in networks
        for share in shares
        for method in methods
        if finish is trained or method not in TRAINING_METHODS
    ]
    rounded = [
        Cell(network, share, method, Finish.RECONSTRUCTED, seed)
        for networks, seeds in ((small, SEEDS), (large, first))
        for seed in seeds
        for network in networks
        for share in tight
        for method in METHODS[:2]
    ]
    return list(dict.fromkeys(every + rounded))


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
    """In one piece, on a line of its own even where a kill cut off the one before."""
    with path.open("a+b") as file:
        file.seek(0, os.SEEK_END)
        if file.tell():
            file.seek(-1, os.SEEK_END)
        cut = file.read(1) not in (b"", b"\n")
        line = json.dumps(asdict(result)) + "\n"
        file.write((b"\n" if cut else b"") + line.encode())
