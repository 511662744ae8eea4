"""``python -m benchmarks.allocation``: fills the cells that are missing, then draws the table.

Every result is a line of results.jsonl as soon as it is there: stopped or killed, the same
command goes on where it was.
"""

from __future__ import annotations

import argparse
import time

import torch

from benchmarks.allocation import cells, table
from benchmarks.allocation.cells import METHODS
from benchmarks.allocation.networks import FOLDS, NETWORKS, TASKS
from benchmarks.allocation.run import Runner, holds_settings


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.allocation", description=__doc__)
    parser.add_argument("--minutes", type=float, help="start no cell after so long")
    parser.add_argument("--network", action="append", help="only this one; may be given again")
    parser.add_argument("--method", action="append", help="only this one; may be given again")
    parser.add_argument("--table", action="store_true", help="only draw what is there")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if not arguments.table:
        networks, methods = arguments.network or list(NETWORKS), arguments.method or list(METHODS)
        _fill(arguments.minutes, networks, methods)
    table.write(cells.read())


def _fill(minutes: float | None, chosen: list[str], methods: list[str]) -> None:
    networks = [task.name for task in TASKS.values() if {task.name, task.network} & {*chosen}]
    wanted = [c for c in cells.order(FOLDS) if c.network in networks and c.method in methods]
    # Settings tell of the weights, which a network that is not asked for may lack.
    known = [
        result
        for result in cells.read()
        if result.cell.network in networks and holds_settings(result)
    ]
    done = {result.cell for result in known}
    runner = Runner(known)
    missing = [cell for cell in wanted if cell not in done]
    started = time.monotonic()
    for number, cell in enumerate(missing, start=1):
        if minutes is not None and time.monotonic() - started > 60 * minutes:
            break
        result = runner.run(cell)
        cells.append(result)
        print(
            f"{number}/{len(missing)} {cell.network} {cell.share} % {cell.method}, {cell.finish}, "
            f"seed {cell.seed}: {100 * result.accuracy:.2f} %",
            flush=True,
        )


main()
