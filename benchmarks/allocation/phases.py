"""``python -m benchmarks.allocation.phases``: draws the pictures of docs/sigmaquant.md.

They are of a real search: ResNet-8 of the benchmark at 30 % of its 8-bit bytes, seed 0.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np

from benchmarks.allocation.run import budget_bytes, choose, prepare
from sqtvm.allocate.allocation import Allocation, Decision

matplotlib.use("Agg")
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure

_DOCS = Path(__file__).resolve().parents[2] / "docs"
CLUSTERS = _DOCS / "sigmaquant-clusters.svg"
WALK = _DOCS / "sigmaquant-walk.svg"

_NETWORK, _SHARE, _SEED = "ResNet-8", 30, 0
_COLOURS = {8: "#1f4e79", 4: "#5b9bd5", 2: "#cfe2f3"}
_PHASES = (("phase 1", "phase 1"), ("phase 2", "phase 2"))


def main() -> None:
    bench = prepare(_NETWORK, _SEED)
    allocation = choose(bench, _SHARE, "measured", _SEED)
    matplotlib.rcParams["svg.hashsalt"] = "sqtvm"
    _save(_clusters(allocation), CLUSTERS)
    _save(_walk(allocation, budget_bytes(bench, _SHARE)), WALK)


def _clusters(allocation: Allocation) -> Figure:
    """Sigma of each layer, in the colour of its cluster."""
    figure, axis = pyplot.subplots(figsize=(7, 3.2))
    ordered = sorted(allocation.layers, key=lambda layer: layer.sigma)
    for cluster in sorted({layer.cluster for layer in ordered}):
        rows = [i for i, layer in enumerate(ordered) if layer.cluster == cluster]
        axis.scatter([ordered[i].sigma for i in rows], rows, label=f"cluster {cluster}", s=36)
    axis.set_yticks(range(len(ordered)), [layer.name for layer in ordered], fontsize=8)
    axis.set_xlabel("sigma of the weights, each channel divided by its largest", fontsize=9)
    axis.legend(fontsize=8, loc="lower right")
    axis.grid(axis="x", alpha=0.3)
    figure.tight_layout()
    return figure


def _walk(allocation: Allocation, limit: int) -> Figure:
    """Bits of every layer after every decision that was kept, and what they weigh."""
    kept = [decision for decision in allocation.decisions if decision.kept]
    names = [layer.name for layer in allocation.layers]
    bits = dict.fromkeys(names, 8)
    states = [dict(bits)]
    for decision in kept:
        bits[decision.layer] = decision.bits_after
        states.append(dict(bits))
    figure, (above, below) = pyplot.subplots(
        2, 1, figsize=(8, 5), sharex=True, height_ratios=(2, 1)
    )
    _draw_bits(above, states, names)
    weights = [kept[0].cost_before.weight_bytes, *(d.cost_after.weight_bytes for d in kept)]
    below.step(range(len(weights)), np.array(weights) / 1000, where="mid", color="#1f4e79")
    below.axhline(limit / 1000, color="#c00000", lw=1, label="budget")
    below.set_ylabel("weights, kB", fontsize=9)
    below.set_xlabel("decisions that were kept, in their order", fontsize=9)
    below.set_ylim(bottom=0)
    below.legend(fontsize=8)
    for start, name in _beginnings(kept):
        for axis in (above, below):
            axis.axvline(start - 0.5, color="black", lw=0.8, ls=":")
        above.text(start - 0.4, -0.7, name, fontsize=8, va="bottom")
    figure.tight_layout()
    return figure


def _draw_bits(axis: Axes, states: list[dict[str, int]], names: list[str]) -> None:
    for column, state in enumerate(states):
        for row, name in enumerate(names):
            corner = (column - 0.5, row - 0.5)
            colour = _COLOURS[state[name]]
            axis.add_patch(pyplot.Rectangle(corner, 1, 1, color=colour, ec="white", lw=0.5))
            text = "white" if state[name] == 8 else "black"
            axis.text(column, row, str(state[name]), ha="center", va="center", fontsize=7, c=text)
    axis.set_yticks(range(len(names)), names, fontsize=8)
    axis.set_xlim(-0.5, len(states) - 0.5)
    axis.set_ylim(len(names) - 0.5, -1.6)


def _beginnings(kept: list[Decision]) -> list[tuple[int, str]]:
    """The column at which each part of the search begins, and its name."""
    found: list[tuple[int, str]] = []
    for column, decision in enumerate(kept, start=1):
        name = next((name for start, name in _PHASES if decision.reason.startswith(start)), "")
        name = name or "by measurement"
        if not found or found[-1][1] != name:
            found.append((column, name))
    return found


def _save(figure: Figure, path: Path) -> None:
    temporary = path.with_suffix(".tmp.svg")
    figure.savefig(temporary, metadata={"Date": None})
    temporary.replace(path)
    pyplot.close(figure)


main()
