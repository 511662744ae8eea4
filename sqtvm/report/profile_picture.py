"""A profile as a picture: instructions of each layer, by class."""

from __future__ import annotations

import io
from typing import Literal

from matplotlib.figure import Figure

from sqtvm.measure.instruction_class import CLASSES
from sqtvm.measure.profile import Profile

_COLOURS = {
    "load": "#2457c5",
    "store": "#7aa2f0",
    "mac": "#0e8a80",
    "alu": "#c77700",
    "branch": "#b3261e",
}


def profile_picture(profile: Profile, title: str, kind: Literal["png", "svg"]) -> bytes:
    """One stacked bar a layer, in execution order from the top."""
    rows = list(range(len(profile.layers)))
    figure = Figure(figsize=(9, 1.6 + 0.3 * len(rows)), layout="constrained")
    axes = figure.subplots()
    begun = [0.0] * len(rows)
    for name in CLASSES:
        counts = [layer.by_class.get(name, 0) / 1000 for layer in profile.layers]
        label = name.upper() if name in ("mac", "alu") else name
        axes.barh(rows, counts, left=begun, color=_COLOURS[name], label=label)
        begun = [start + count for start, count in zip(begun, counts, strict=True)]
    axes.set_yticks(rows, [layer.name for layer in profile.layers])
    axes.invert_yaxis()
    axes.set_xlabel("executed instructions, thousands (exact)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    axes.legend(loc="lower right", ncols=len(CLASSES), frameon=False)
    axes.set_title(title, loc="left")
    buffer = io.BytesIO()
    # Without a date, so that the same result gives the same file.
    metadata = {"Date": None} if kind == "svg" else {"Software": None}
    figure.savefig(buffer, format=kind, dpi=150, metadata=metadata)
    return buffer.getvalue()
