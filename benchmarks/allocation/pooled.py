"""Results of a network that is tested in folds, as results of the network as a whole."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from statistics import mean

from benchmarks.allocation.cells import Cell, Result
from benchmarks.allocation.networks import TASKS


def pooled(results: list[Result]) -> list[Result]:
    """A mean over the folds wherever all of them were run, in place of each of them; its bits and
    bytes are the first fold's."""
    folds: dict[str, set[str]] = defaultdict(set)
    for task in TASKS.values():
        if task.network:
            folds[task.network].add(task.name)
    whole: list[Result] = []
    parts: dict[Cell, list[Result]] = defaultdict(list)
    for result in results:
        network = TASKS[result.cell.network].network
        if network:
            parts[replace(result.cell, network=network)].append(result)
        else:
            whole.append(result)
    return whole + [
        _mean(cell, found)
        for cell, found in parts.items()
        if {result.cell.network for result in found} == folds[cell.network]
    ]


def _mean(cell: Cell, found: list[Result]) -> Result:
    def over(value: Callable[[Result], float]) -> float:
        return mean(value(result) for result in found)

    return replace(
        found[0],
        cell=cell,
        float_accuracy=over(lambda result: result.float_accuracy),
        accuracy=over(lambda result: result.accuracy),
        evaluations=round(over(lambda result: result.evaluations)),
        allocate_seconds=over(lambda result: result.allocate_seconds),
        finish_seconds=over(lambda result: result.finish_seconds),
    )
