"""The Pareto front as a picture: accuracy over time, flash, RAM and energy."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sqtvm.report.schema import FrontPart, Report

# As in report.html.
_KEPT, _FRONT, _OTHER = "#2457c5", "#0e8a80", "#8b96a5"
# Points of accuracy below the best that are still to scale: one allocation that ruins the network
# would press all others into a line.
_SHOWN_POINTS = 10.0


def front_picture(report: Report, kind: Literal["png", "svg"]) -> bytes:
    """One panel a cost, all points in each; what loses more than ten points of accuracy against
    the best is an arrow below the others with its accuracy beside it."""
    points = report.front
    panels: list[tuple[str, Callable[[FrontPart], float | None]]] = [
        (f"ms ({report.totals.ms_source})", lambda point: point.ms),
        ("flash, KiB", lambda point: point.flash_bytes / 1024),
        ("RAM, KiB", lambda point: point.ram_bytes / 1024),
    ]
    if all(point.energy_mj is not None for point in points):
        panels.append((f"mJ ({report.totals.energy_source})", lambda point: point.energy_mj))
    known = [100 * point.accuracy for point in points if point.accuracy is not None]
    floor = _floor(known)
    figure = Figure(figsize=(3.6 * len(panels), 3.6), layout="constrained")
    for place, (name, cost) in enumerate(panels):
        axes = figure.add_subplot(1, len(panels), place + 1)
        # What matters most is drawn last, above what has the same figures.
        for point in sorted(points, key=lambda point: (point.kept, point.on_front)):
            value = cost(point)
            if point.accuracy is not None and value is not None:
                _mark(axes, point, value, 100 * point.accuracy, floor)
        axes.set_xlabel(name)
        axes.margins(x=0.12)
        axes.grid(alpha=0.3)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        if place == 0:
            axes.set_ylabel("accuracy in the search, %")
    for label, colour in (("chosen", _KEPT), ("on the front", _FRONT), ("beaten", _OTHER)):
        figure.axes[0].plot([], [], "o", color=colour, label=label)
    figure.axes[0].legend(frameon=False, fontsize="small")
    buffer = io.BytesIO()
    # Without a date, so that the same result gives the same file.
    metadata = {"Date": None} if kind == "svg" else {"Software": None}
    figure.savefig(buffer, format=kind, dpi=150, metadata=metadata)
    return buffer.getvalue()


def _floor(known: Sequence[float]) -> float:
    """What is shown to scale, in percent: all within ten points of the best, and some room below
    for the arrows of the others."""
    best = max(known, default=100.0)
    shown = [accuracy for accuracy in known if accuracy >= best - _SHOWN_POINTS]
    least = min(shown, default=best)
    return least if len(shown) == len(known) else least - max(0.3 * (best - least), 0.5)


def _mark(axes: Axes, point: FrontPart, value: float, accuracy: float, floor: float) -> None:
    """floor: the least accuracy that is to scale, in percent."""
    colour = _KEPT if point.kept else _FRONT if point.on_front else _OTHER
    shape = "o" if accuracy >= floor else "v"
    axes.plot(value, max(accuracy, floor), shape, color=colour, clip_on=False)
    if accuracy < floor:
        axes.annotate(
            f"{accuracy:.1f} %",
            (value, floor),
            xytext=(0, 5),
            textcoords="offset points",
            ha="center",
            fontsize="x-small",
        )
