"""The Pareto front as a picture: accuracy over time, over flash, and over energy."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Literal

from matplotlib.figure import Figure

from sqtvm.report.schema import FrontPart, Report

_KEPT, _FRONT, _OTHER = "#c77700", "#2457c5", "#b9c1cb"


def front_picture(report: Report, kind: Literal["png", "svg"]) -> bytes:
    """One panel a cost, all points in each; those on the front joined by a line in the first."""
    points = report.front
    panels: list[tuple[str, Callable[[FrontPart], float | None]]] = [
        (f"ms ({report.totals.ms_source})", lambda point: point.ms),
        ("flash, KiB", lambda point: point.flash_bytes / 1024),
        ("RAM, KiB", lambda point: point.ram_bytes / 1024),
    ]
    if all(point.energy_mj is not None for point in points):
        panels.append((f"mJ ({report.totals.energy_source})", lambda point: point.energy_mj))
    figure = Figure(figsize=(3.6 * len(panels), 3.6), layout="constrained")
    for place, (name, cost) in enumerate(panels):
        axes = figure.add_subplot(1, len(panels), place + 1)
        for point in points:
            accuracy = None if point.accuracy is None else 100 * point.accuracy
            colour = _KEPT if point.kept else _FRONT if point.on_front else _OTHER
            value = cost(point)
            if accuracy is not None and value is not None:
                axes.plot(value, accuracy, "o", color=colour, zorder=3 if point.on_front else 2)
        axes.set_xlabel(name)
        axes.grid(alpha=0.3)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        if place == 0:
            axes.set_ylabel("accuracy in the search, %")
    for label, colour in (("kept", _KEPT), ("on the front", _FRONT), ("not", _OTHER)):
        figure.axes[0].plot([], [], "o", color=colour, label=label)
    figure.axes[0].legend(frameon=False, fontsize="small")
    buffer = io.BytesIO()
    # Without a date, so that the same result gives the same file.
    metadata = {"Date": None} if kind == "svg" else {"Software": None}
    figure.savefig(buffer, format=kind, dpi=150, metadata=metadata)
    return buffer.getvalue()
