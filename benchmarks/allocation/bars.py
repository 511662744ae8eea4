"""How the default stands against float, uniform bits and every other method, in points."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from statistics import mean

from benchmarks.allocation.cells import METHODS, Finish, Result
from benchmarks.allocation.networks import NETWORKS

_DEFAULT = METHODS[0]
_UNIFORM = "uniform"
_NO_ROOM = """Uniform bits that are no smaller than 30 % are the 4 bits of 50 %. Where these lose
almost nothing against float, nothing can be two points above them at 30 %, whatever chooses.

The accelerometer CNN is tested on people whom its training never saw, and there fewer bits can
generalise better: trained or rounded adaptively, 2 bits everywhere come out above 8 bits and above
float. Nothing that is chosen by the people of the training can see that. Adaptive rounding stands
here for comparison alone: at 40 % a deployment leaves it out, since nothing is lost without."""
# Points that a baseline may be better by and still count as no better.
_EQUAL = 0.3


def lines(results: list[Result]) -> list[str]:
    """A table in Markdown, of the networks that the figures are there for."""
    accuracies = _accuracies(results)
    measured = {key[0] for key in accuracies}
    networks = [network for network in NETWORKS if network in measured]
    floats = {result.cell.network: 100 * result.float_accuracy for result in results}
    made = [
        "| network | finish | float less default at 40 % | default at 30 % less uniform of 2 bits "
        "(25 %) | default at 30 % less uniform of 4 bits (50 %) | float less uniform of 4 bits | "
        "best other less default, worst of all budgets |",
        "|---|---|---|---|---|---|---|",
    ]
    for network in networks:
        for finish in Finish:

            def at(
                share: int, method: str, network: str = network, finish: Finish = finish
            ) -> float | None:
                return accuracies.get((network, finish, share, method))

            figures = [
                _difference(floats.get(network), at(40, _DEFAULT)),
                _difference(at(30, _DEFAULT), at(30, _UNIFORM)),
                _difference(at(30, _DEFAULT), at(50, _UNIFORM)),
                _difference(floats.get(network), at(50, _UNIFORM)),
                _shortfall(accuracies, network, finish),
            ]
            if any(figure != "-" for figure in figures):
                made.append(f"| {network} | {finish} | " + " | ".join(figures) + " |")
    return [*made, "", _NO_ROOM]


def _accuracies(results: list[Result]) -> Mapping[tuple[str, Finish, int, str], float]:
    """Percent, of the seeds that every method of a row was run with, so that none is judged by
    luckier seeds than another."""
    found: dict[tuple[str, Finish, int], dict[str, dict[int, float]]] = defaultdict(
        lambda: defaultdict(dict)
    )
    for result in results:
        cell = result.cell
        row = found[cell.network, cell.finish, cell.share]
        row[cell.method][cell.seed] = 100 * result.accuracy
    accuracies = {}
    for key, row in found.items():
        shared = set.intersection(*(set(seeds) for seeds in row.values()))
        for method, by_seed in row.items():
            if shared:
                accuracies[*key, method] = mean(by_seed[seed] for seed in sorted(shared))
    return accuracies


def _difference(one: float | None, other: float | None) -> str:
    return "-" if one is None or other is None else f"{one - other:+.2f}"


def _shortfall(
    accuracies: Mapping[tuple[str, Finish, int, str], float], network: str, finish: Finish
) -> str:
    """By how much the best other method was better, where it was most, and at which budget."""
    gaps = []
    for (of, how, share, method), default in accuracies.items():
        if (of, how, method) != (network, finish, _DEFAULT):
            continue
        others = [
            (value - default, share, name)
            for (n, f, s, name), value in accuracies.items()
            if (n, f, s) == (network, finish, share) and name != _DEFAULT
        ]
        gaps += others
    if not gaps:
        return "-"
    gap, share, name = max(gaps)
    beyond = "" if gap <= _EQUAL else ", **beyond 0.3**"
    return f"{gap:+.2f} ({name}, {share} %{beyond})"
