"""The picture of accuracy over weight size: where its points, ticks and labels lie."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from sqtvm.report.schema import Report

WIDTH, HEIGHT = 440, 280
LEFT, RIGHT, TOP, BOTTOM = 48, 16, 22, 40

# Points of accuracy below float from where on a point is only marked at the edge: one network
# that lost everything would press all others into one line.
_SHOWN_POINTS = 20.0
_MARGIN_POINTS = 0.5


@dataclass(frozen=True)
class Point:
    """All places are of the picture; off: below its lower edge, and so only marked there."""

    x: float
    y: float
    kind: Literal["chosen", "uniform"]
    off: bool
    label: str
    label_x: float
    label_y: float
    anchor: Literal["start", "middle", "end"]


@dataclass(frozen=True)
class Tick:
    at: float
    label: str


@dataclass(frozen=True)
class Scatter:
    points: tuple[Point, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    float_y: float
    float_label: str


@dataclass(frozen=True)
class _Scale:
    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def scatter(report: Report) -> Scatter | None:
    """None where accuracies are unknown."""
    accuracy, totals = report.accuracy, report.totals
    if accuracy.float_ is None or accuracy.allocated is None:
        return None
    chosen = (totals.weight_bytes / 1024, accuracy.allocated * 100)
    uniform = {
        f"all {bits} bits": (totals.uniform_weight_bytes[bits] / 1024, value * 100)
        for bits, value in accuracy.uniform.items()
        if value is not None
    }
    whole = accuracy.float_ * 100
    found = [chosen, *uniform.values()]
    shown = [y for _, y in found if y >= whole - _SHOWN_POINTS] + [whole]
    x_ticks = _nice(0, max(x for x, _ in found))
    y_ticks = _nice(min(shown) - _MARGIN_POINTS, max(shown) + _MARGIN_POINTS)
    if len(shown) <= len(found):
        y_ticks = (2 * y_ticks[0] - y_ticks[1], *y_ticks)
    across = _Scale(0, x_ticks[-1], LEFT, WIDTH - RIGHT)
    up = _Scale(y_ticks[0], y_ticks[-1], HEIGHT - BOTTOM, TOP)
    points = [_point(name, x, y, "uniform", across, up) for name, (x, y) in uniform.items()]
    points.append(_point("chosen", *chosen, "chosen", across, up))
    return Scatter(
        points=tuple(points),
        x_ticks=tuple(Tick(across(x), f"{x:g}") for x in x_ticks),
        y_ticks=tuple(Tick(up(y), f"{y:g}") for y in y_ticks),
        float_y=up(whole),
        float_label=f"float {whole:.2f} %",
    )


def _point(
    name: str,
    x: float,
    y: float,
    kind: Literal["chosen", "uniform"],
    across: _Scale,
    up: _Scale,
) -> Point:
    """Labels stand below their points, the chosen one lower, so that they seldom meet."""
    off = y < up.low
    at_x, at_y = across(x), up.start if off else up(y)
    label = f"{name}, {y:.2f} %"
    half = len(label) * 3.6
    if off:
        end = at_x > WIDTH / 2
        beside = at_x + (-11 if end else 11)
        return Point(at_x, at_y, kind, off, label, beside, at_y - 3, "end" if end else "start")
    below = at_y + (26 if kind == "chosen" else 18)
    centred = min(max(at_x, LEFT + half), WIDTH - RIGHT - half)
    return Point(at_x, at_y, kind, off, label, centred, below, "middle")


def _nice(low: float, high: float) -> tuple[float, ...]:
    """About five round numbers that enclose [low, high]."""
    span = max(high - low, 0.5)
    step = 10.0 ** math.floor(math.log10(span / 4))
    step *= next(factor for factor in (1, 2, 5, 10) if span / (step * factor) <= 5)
    first, last = math.floor(low / step), math.ceil(high / step)
    return tuple(round(step * number, 6) for number in range(first, max(last, first + 1) + 1))
