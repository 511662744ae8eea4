"""A profile as a picture: instructions of each layer, and of one layer's source lines, by class."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sqtvm.measure.instruction_class import CLASSES
from sqtvm.measure.profile import LayerProfile, LineProfile, Profile

_COLOURS = {
    "load": "#2457c5",
    "store": "#7aa2f0",
    "mac": "#0e8a80",
    "alu": "#c77700",
    "branch": "#b3261e",
}
_NO_CLASS = "#6b7280"
_LINES = 12
_CODE = 36


@dataclass(frozen=True)
class _Bar:
    """by_class: empty where the instructions could not be told apart."""

    name: str
    instructions: int
    by_class: Mapping[str, int]


def profile_picture(
    profile: Profile,
    title: str,
    kind: Literal["png", "svg"],
    layer: LayerProfile | None = None,
) -> bytes:
    """One stacked bar a layer, in execution order from the top.

    layer: whose most expensive source lines are drawn below; without lines it is left out.
    """
    bars = [_Bar(each.name, each.instructions, each.by_class) for each in profile.layers]
    lines = [] if layer is None else _lines(layer)
    rows = [bars, lines] if lines else [bars]
    heights = [1.3 + 0.3 * len(row) for row in rows]
    figure = Figure(figsize=(9, sum(heights)), layout="constrained")
    panels = figure.subplots(len(rows), squeeze=False, height_ratios=heights)[:, 0]
    _draw(panels[0], bars, title)
    handles, names = panels[0].get_legend_handles_labels()
    if names:
        figure.legend(handles, names, loc="outside lower center", ncols=len(CLASSES), frameon=False)
    if layer is not None and lines:
        _draw(panels[1], lines, f"{layer.name}, by source line")
    buffer = io.BytesIO()
    # Without a date, so that the same result gives the same file.
    metadata = {"Date": None} if kind == "svg" else {"Software": None}
    figure.savefig(buffer, format=kind, dpi=150, metadata=metadata)
    return buffer.getvalue()


def _draw(axes: Axes, bars: Sequence[_Bar], title: str) -> None:
    rows = list(range(len(bars)))
    if any(bar.by_class for bar in bars):
        begun = [0.0] * len(rows)
        for name in CLASSES:
            counts = [bar.by_class.get(name, 0) / 1000 for bar in bars]
            label = name.upper() if name in ("mac", "alu") else name
            axes.barh(rows, counts, left=begun, color=_COLOURS[name], label=label)
            begun = [start + count for start, count in zip(begun, counts, strict=True)]
        how = "exact"
    else:
        axes.barh(rows, [bar.instructions / 1000 for bar in bars], color=_NO_CLASS)
        how = "by the emulator's timer, classes unknown"
    axes.set_yticks(rows, [bar.name for bar in bars])
    axes.invert_yaxis()
    axes.set_xlabel(f"executed instructions, thousands ({how})")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    # Names of layers and code are no formulas.
    axes.set_title(title, loc="left", parse_math=False)
    for tick in axes.get_yticklabels():
        tick.set_parse_math(False)


def _lines(layer: LayerProfile) -> list[_Bar]:
    """The most expensive, and all others together."""
    bars = [_Bar(_label(line), line.instructions, line.by_class) for line in layer.lines[:_LINES]]
    rest = layer.lines[_LINES:]
    if rest:
        by_class = {name: sum(line.by_class.get(name, 0) for line in rest) for name in CLASSES}
        count = sum(line.instructions for line in rest)
        bars.append(_Bar(f"{len(rest)} more lines", count, by_class))
    return bars


def _label(line: LineProfile) -> str:
    place = "?" if line.source is None else f"{Path(line.source.file).name}:{line.source.line}"
    code = ("" if line.source is None else line.source.text()) or line.hottest
    return f"{code if len(code) <= _CODE else code[: _CODE - 1] + '…'}  {place}"
