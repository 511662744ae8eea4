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
    """Every cell, the most telling first: what stands early is finished when time runs out."""
    images = ("ResNet-8", "MobileNetV1-0.25")
    others = ("DS-CNN", "LeNet", "accelerometer CNN")
    first, rest = METHODS[:2], METHODS[2:]
    tight, wide = (40, 30), (60, 50, 25, 100)
    stages = [
        (images, tight, METHODS, Finish.FINE_TUNED, (0,)),
        # Uniform bits of 4, the least that are no smaller than 30 %.
        (images, (50,), ("uniform",), Finish.FINE_TUNED, (0,)),
        (images, SHARES, METHODS, Finish.CORRECTED, (0,)),
        (others, SHARES, METHODS, Finish.CORRECTED, (0,)),
        (others, tight, METHODS, Finish.FINE_TUNED, (0,)),
        (images, tight, first, Finish.RECONSTRUCTED, (0,)),
        (images, tight, first, Finish.FINE_TUNED, (1, 2)),
        (images, tight, METHODS, Finish.CORRECTED, (1, 2)),
        (images, wide, METHODS, Finish.FINE_TUNED, (0,)),
        (images, tight, rest, Finish.FINE_TUNED, (1, 2)),
    ]
    every = [
        (networks, SHARES, METHODS, finish, SEEDS)
        for finish in Finish
        for networks in (others, images)
    ]
    return list(
        dict.fromkeys(
            Cell(network, share, method, finish, seed)
            for networks, shares, methods, finish, seeds in stages + every
            for seed in seeds
            for network in networks
            for share in shares
            for method in methods
        )
    )


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
