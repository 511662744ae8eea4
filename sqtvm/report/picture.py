"""The layers as a picture: bits, time and size of the weights, for slides and papers."""

from __future__ import annotations

import io
from typing import Literal

from matplotlib.figure import Figure

from sqtvm.report import view
from sqtvm.report.schema import Report

_COLOURS = {8: "#2457c5", 4: "#0e8a80", 2: "#c77700", None: "#8b96a5"}


def layers_picture(report: Report, kind: Literal["png", "svg"]) -> bytes:
    """Three bar charts beside each other with one row a layer."""
    layers = report.layers
    rows = list(range(len(layers)))
    colours = [_COLOURS.get(layer.weight_bits, _COLOURS[None]) for layer in layers]
    figure = Figure(figsize=(11, 1.4 + 0.3 * len(layers)), layout="constrained")
    bits, time, weights = figure.subplots(1, 3, sharey=True)
    bits.barh(rows, [layer.weight_bits or 0 for layer in layers], color=colours)
    bits.set(xlabel="weight bits", xlim=(0, 8.5), xticks=(0, 2, 4, 8))
    bits.set_yticks(rows, [layer.name for layer in layers])
    bits.invert_yaxis()
    time.barh(rows, [layer.ms or 0 for layer in layers], color=colours)
    time.set_xlabel(f"ms ({report.totals.ms_source})")
    weights.barh(rows, [layer.weight_bytes / 1024 for layer in layers], color=colours)
    weights.set_xlabel("weights, KiB")
    for axes in (bits, time, weights):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="x", alpha=0.3)
        axes.set_axisbelow(True)
    figure.suptitle(f"{report.model.name} on {view.board_name(report)}")
    buffer = io.BytesIO()
    # Without a date, so that the same result gives the same file.
    metadata = {"Date": None} if kind == "svg" else {"Software": None}
    figure.savefig(buffer, format=kind, dpi=150, metadata=metadata)
    return buffer.getvalue()
