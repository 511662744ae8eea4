"""The table and the picture of what results.jsonl holds."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from statistics import mean, pstdev

import matplotlib

from benchmarks.allocation import bars
from benchmarks.allocation.cells import METHODS, Cell, Finish, Result, order
from benchmarks.allocation.networks import FOLDS, NETWORKS
from benchmarks.allocation.pooled import pooled
from benchmarks.allocation.run import holds_settings

matplotlib.use("Agg")
from matplotlib import pyplot
from matplotlib.artist import Artist
from matplotlib.axes import Axes

TABLE = Path(__file__).with_name("README.md")
PICTURE = Path(__file__).with_name("accuracy.png")

_HEAD = """# Allocation methods compared

Made by `python -m benchmarks.allocation`, which goes on with what is missing whenever it is run;
`--table` only draws what there is. Results stand in `results.jsonl`, one line a cell with all
settings and a digest of the float weights, which are committed too: cells of other weights or
settings are left out.

- *Accuracy* is the integer network's on the whole test set, percent, mean over the seeds that were
  run (with the spread, a standard deviation, where there are several). Seeds choose the
  calibration and guiding samples and the order of training; float weights are one training.
- *Budget* is packed weights, percent of their bytes at 8 bits. Uniform bits have few sizes: at 60
  and 50 % they are 4 bits (50 %), at 40, 30 and 25 % they are 2 bits (25 %).
- *Post-training* is what a deployment does without training data: clipping by squared error, and
  mean and spread of every channel corrected on 512 samples without labels. *Adaptive rounding* is
  the same with the rounding learned on these samples; a deployment adds it where more than 0.3
  points are lost, and keeps it where the outputs come closer. *Fine-tuning* is 100 batches of 64,
  learned step sizes, half distillation. All of it is the same for every method, and equal bits are
  finished once for all methods.
- The training is short so that the comparison can be run at all: a deployment trains up to 400
  batches of 128.
- *Networks run* are those the choice itself evaluated, most of them on 250 of the 1,000 guiding
  training samples, since these tell already; for `sigmaquant-qat` they are the training cycles, and
  it has no place in post-training rows. HAWQ-V2's second derivatives count in seconds alone.
- *Seconds* are those of one processor, on one thread: the wall time on an idle core. The benchmark
  ran on a busy machine, so that its own wall time says nothing.
- ResNet-8, MobileNetV1-0.25 (its first layer with stride 1) and DS-CNN are on Fashion-MNIST's 28x28
  images, LeNet on MNIST, the one-dimensional CNN on accelerometer windows. Windows of people whom a
  training saw tell little, so these are tested in five folds: each of the thirty people is in one
  fold's test alone and in the training of the four others', and what stands below is the mean over
  the folds, every one with a float training of its own.
"""

_TIMES = """## How long a deployment takes

Wall time on the development machine, two cores of an AMD EPYC, 2026-11-26, in `examples/resnet8`,
with an empty store of costs:

| command | wall | processor |
|---|---|---|
| `sqtvm allocate --budget-flash 40k`, post-training | 23 s | 33 s |
| `sqtvm deploy --budget-flash 40k --fine-tune`: four rounds measured, 400 batches | 168 s | 265 s |

The second gives 92.20 % with weights of 29 % of their bytes at 8 bits (float 91.99 %, uniform
4 bits 92.02 % with 50 %, both of the same report)."""


def write(results: list[Result]) -> None:
    """Of the results whose settings are in force."""
    valid = [result for result in results if holds_settings(result)]
    cells: dict[tuple[str, Finish, int, str], list[Result]] = defaultdict(list)
    whole = pooled(valid)
    for result in whole:
        cell = result.cell
        cells[cell.network, cell.finish, cell.share, cell.method].append(result)
    lines = [_HEAD, _TIMES, "", "## What is measured", "", _missing(order(FOLDS), valid), ""]
    lines += ["![Accuracy over budget](accuracy.png)", ""]
    lines += ["## The default against the others, in points", "", *bars.lines(whole), ""]
    for network in NETWORKS:
        lines += _network(network, cells)
    _replace(TABLE, "\n".join(lines) + "\n")
    _draw(cells)


def _missing(wanted: list[Cell], valid: list[Result]) -> str:
    have = {result.cell for result in valid}
    done = sum(cell in have for cell in wanted)
    if done == len(wanted):
        return f"All {done:,} cells are measured, each with as many seeds as stand in brackets."
    return (
        f"{done:,} of {len(wanted):,} cells are measured; what stands as - below, and every seed "
        "beyond the number given in brackets, is not."
    )


def _network(network: str, cells: dict[tuple[str, Finish, int, str], list[Result]]) -> list[str]:
    rows = [key for key in cells if key[0] == network]
    if not rows:
        return [f"## {network}", "", "Nothing measured yet.", ""]
    float_accuracy = cells[rows[0]][0].float_accuracy
    lines = [f"## {network}", "", f"Float: {100 * float_accuracy:.2f} %.", ""]
    lines.append("| finish | budget | " + " | ".join(METHODS) + " |")
    lines.append("|---|---|" + "---|" * len(METHODS))
    for finish in Finish:
        for share in sorted({key[2] for key in rows if key[1] is finish}, reverse=True):
            values = [_accuracy(cells.get((network, finish, share, name), [])) for name in METHODS]
            lines.append(f"| {finish} | {share} % | " + " | ".join(values) + " |")
    lines += ["", "| choice of bits | " + " | ".join(METHODS) + " |"]
    lines.append("|---|" + "---|" * len(METHODS))
    for label, value in (
        ("networks run", lambda r: r.evaluations),
        ("seconds", lambda r: r.allocate_seconds),
    ):
        figures = []
        for name in METHODS:
            found = [
                value(result)
                for key in rows
                if key[1] is Finish.CORRECTED and key[3] == name
                for result in cells[key]
            ]
            figures.append(f"{mean(found):.0f}" if found else "-")
        lines.append(f"| {label}, mean over budgets | " + " | ".join(figures) + " |")
    seconds = {
        finish: [
            result.finish_seconds
            for key in rows
            if key[1] is finish
            for result in cells[key]
            if not result.same_as
        ]
        for finish in Finish
    }
    took = ", ".join(f"{finish} {mean(found):.0f} s" for finish, found in seconds.items() if found)
    return [*lines, "", f"What follows took, on average: {took}.", ""]


def _accuracy(results: list[Result]) -> str:
    if not results:
        return "-"
    values = [100 * result.accuracy for result in results]
    spread = f" ± {pstdev(values):.2f}" if len(values) > 1 else ""
    return f"{mean(values):.2f}{spread} ({len(values)})"


def _draw(cells: dict[tuple[str, Finish, int, str], list[Result]]) -> None:
    networks = [network for network in NETWORKS if any(key[0] == network for key in cells)]
    if not networks:
        return
    # Adaptive rounding is measured at two budgets alone.
    finishes = [Finish.CORRECTED, Finish.FINE_TUNED]
    figure, axes = pyplot.subplots(
        len(networks), len(finishes), figsize=(10, 3 * len(networks) + 0.6), squeeze=False
    )
    lines = {}
    for row, network in zip(axes, networks, strict=True):
        for axis, finish in zip(row, finishes, strict=True):
            lines |= _draw_one(axis, network, finish, cells)
    lines = {name: lines[name] for name in (*METHODS, "float") if name in lines}
    figure.legend(list(lines.values()), list(lines), ncols=5, loc="upper center", fontsize=9)
    figure.tight_layout(rect=(0, 0, 1, 1 - 0.6 / figure.get_figheight()))
    temporary = PICTURE.with_suffix(".tmp.png")
    figure.savefig(temporary, dpi=90)
    temporary.replace(PICTURE)


def _draw_one(
    axis: Axes,
    network: str,
    finish: Finish,
    cells: dict[tuple[str, Finish, int, str], list[Result]],
) -> dict[str, Artist]:
    """Of one network, however it was finished; what the legend needs, by name."""
    lines: dict[str, Artist] = {}
    # The default is drawn last, on top of those that it coincides with.
    for index, name in reversed(list(enumerate(METHODS))):
        points = sorted(
            (key[2], 100 * mean(result.accuracy for result in found))
            for key, found in cells.items()
            if (key[0], key[1], key[3]) == (network, finish, name)
        )
        if points:
            style = {"lw": 2.2, "ms": 5} if index == 0 else {"lw": 1.2, "ms": 3}
            (lines[name],) = axis.plot(
                *zip(*points, strict=True), marker="o", color=f"C{index}", **style
            )
    if not lines:
        axis.set_axis_off()
        return {}
    exact = next(found[0].float_accuracy for key, found in cells.items() if key[0] == network)
    lines["float"] = axis.axhline(100 * exact, color="black", ls=":", lw=1)
    axis.set_xlim(22, 103)
    axis.set_title(f"{network}, {finish}", fontsize=9)
    axis.set_xlabel("weights, % of 8 bits", fontsize=8)
    axis.set_ylabel("accuracy, %", fontsize=8)
    axis.grid(alpha=0.3)
    return lines


def _replace(path: Path, text: str) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(text)
    temporary.replace(path)
