"""Pictures for slides and papers: the layers, the accuracies, what lies where in memory."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Literal

from matplotlib.figure import Figure

from sqtvm.report import numbers, view
from sqtvm.report.schema import LayerPart, Report

_COLOURS = {8: "#2457c5", 4: "#0e8a80", 2: "#c77700", None: "#8b96a5"}
_PIECES = {
    "weights": "#2457c5",
    "workspace": "#2457c5",
    "code": "#0e8a80",
    "stack": "#0e8a80",
    "constants": "#c77700",
    "data": "#c77700",
}
# Pieces below this share of the bar have no room for their name.
_NAMED = 0.08


def layers_picture(report: Report, kind: Literal["png", "svg"]) -> bytes:
    """Bar charts beside each other with one row a layer: bits, sensitivity where it is known,
    time, weights, and RAM where the plan is known."""
    layers = report.layers
    panels: list[tuple[str, Callable[[LayerPart], float]]] = [
        ("weight bits", lambda layer: layer.weight_bits or 0),
        (f"ms ({report.totals.ms_source})", lambda layer: layer.ms or 0),
        ("weights, KiB", lambda layer: layer.weight_bytes / 1024),
    ]
    if any(layer.sensitivity for layer in layers):
        name = "sensitivity at 4 bits,\nthousandths of a nat"
        panels.insert(1, (name, lambda layer: 1000 * layer.sensitivity.get("4", 0)))
    if any(layer.ram_bytes is not None for layer in layers):
        panels.append(("RAM, KiB", lambda layer: (layer.ram_bytes or 0) / 1024))
    rows = list(range(len(layers)))
    colours = [_COLOURS.get(layer.weight_bits, _COLOURS[None]) for layer in layers]
    figure = Figure(figsize=(3 + 2.4 * len(panels), 1.6 + 0.3 * len(rows)), layout="constrained")
    all_axes = figure.subplots(1, len(panels), sharey=True)
    for axes, (name, value) in zip(all_axes, panels, strict=True):
        axes.barh(rows, [value(layer) for layer in layers], color=colours)
        axes.set_xlabel(name)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="x", alpha=0.3)
        axes.set_axisbelow(True)
    all_axes[0].set(xlim=(0, 8.5), xticks=(0, 2, 4, 8))
    all_axes[0].set_yticks(rows, [layer.name for layer in layers], parse_math=False)
    all_axes[0].invert_yaxis()
    figure.suptitle(_title(report), parse_math=False)
    return _saved(figure, kind)


def accuracy_picture(report: Report, kind: Literal["png", "svg"]) -> bytes | None:
    """Float, the chosen bits and uniform ones; None where accuracies are unknown."""
    found = view.accuracy_rows(report)
    if not found:
        return None
    rows = list(range(len(found)))
    colours = ["#2457c5" if row.kind == "chosen" else "#8b96a5" for row in found]
    figure = Figure(figsize=(8, 1.4 + 0.4 * len(rows)), layout="constrained")
    axes = figure.subplots()
    bars = axes.barh(rows, [100 * row.accuracy for row in found], color=colours)
    labels = [f"{100 * row.accuracy:.2f} %, {row.weights}" for row in found]
    axes.bar_label(bars, labels, padding=4, fontsize="small")
    axes.set_yticks(rows, [row.name for row in found])
    axes.invert_yaxis()
    axes.set(xlabel=f"accuracy on {report.accuracy.samples:,} samples, %", xlim=(0, 130))
    axes.set_xticks(range(0, 101, 20))
    axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(_title(report), parse_math=False)
    return _saved(figure, kind)


def memory_picture(report: Report, kind: Literal["png", "svg"]) -> bytes | None:
    """Each memory with something in it, from its beginning to the last byte in use; None where
    nothing was linked."""
    found = [region for region in report.memory_map if region.pieces]
    if not found:
        return None
    figure = Figure(figsize=(9, 0.8 + 1.1 * len(found)), layout="constrained")
    panels = figure.subplots(len(found), 1, squeeze=False)[:, 0]
    for axes, region in zip(panels, found, strict=True):
        last = region.pieces[-1]
        extent = (last.origin + last.size - region.origin) / 1024
        for piece in region.pieces:
            begin, width = (piece.origin - region.origin) / 1024, piece.size / 1024
            colour = _PIECES[piece.kind]
            axes.barh([0], [width], left=[begin], color=colour, edgecolor="white", linewidth=0.5)
            if width > _NAMED * extent:
                text = f"{piece.name}\n{numbers.size(piece.size)}"
                middle = begin + width / 2
                axes.text(middle, 0, text, ha="center", va="center", color="white", fontsize=8)
        used = sum(piece.size for piece in region.pieces)
        title = f"{region.name}, 0x{region.origin:08x}: {numbers.size(used)} of "
        axes.set_title(title + numbers.size(region.size), loc="left", fontsize=10)
        axes.set(xlim=(0, extent), yticks=())
        axes.spines[["top", "right", "left"]].set_visible(False)
    panels[-1].set_xlabel("KiB from the beginning")
    figure.suptitle(_title(report), parse_math=False)
    return _saved(figure, kind)


def _title(report: Report) -> str:
    return f"{report.model.name} on {view.board_name(report)}"


def _saved(figure: Figure, kind: Literal["png", "svg"]) -> bytes:
    buffer = io.BytesIO()
    # Without a date, so that the same result gives the same file.
    metadata = {"Date": None} if kind == "svg" else {"Software": None}
    figure.savefig(buffer, format=kind, dpi=150, metadata=metadata)
    return buffer.getvalue()
