"""The picture of accuracy over weight size: where its points, ticks and labels lie."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sqtvm.report.schema import Report

WIDTH, HEIGHT = 440, 280
LEFT, RIGHT, TOP, BOTTOM = 48, 16, 16, 40


@dataclass(frozen=True)
class Point:
    """x, y: of the picture; label_end: whether the label stands left of the point."""

    x: float
    y: float
    kind: str
    label: str
    label_end: bool


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


def scatter(report: Report) -> Scatter | None:
    """None where accuracies are unknown."""
    accuracy, totals = report.accuracy, report.totals
    if accuracy.float_ is None or accuracy.allocated is None:
        return None
    found = [
        (totals.uniform_weight_bytes[bits] / 1024, value * 100, "uniform", f"all {bits} bits")
        for bits, value in accuracy.uniform.items()
        if value is not None
    ]
    found.append((totals.weight_bytes / 1024, accuracy.allocated * 100, "chosen", "chosen"))
    whole = accuracy.float_ * 100
    x_ticks = _nice(0, max(x for x, _, _, _ in found) * 1.05)
    y_ticks = _nice(min(whole, *(y for _, y, _, _ in found)), max(whole, *(p[1] for p in found)))
    x_low, x_high = 0.0, max(x_ticks[-1], max(x for x, _, _, _ in found) * 1.05)
    y_low, y_high = y_ticks[0], y_ticks[-1]

    def place_x(x: float) -> float:
        return LEFT + (x - x_low) / (x_high - x_low) * (WIDTH - LEFT - RIGHT)

    def place_y(y: float) -> float:
        return HEIGHT - BOTTOM - (y - y_low) / (y_high - y_low) * (HEIGHT - TOP - BOTTOM)

    middle = (LEFT + WIDTH - RIGHT) / 2
    return Scatter(
        points=tuple(
            Point(place_x(x), place_y(y), kind, label, place_x(x) > middle)
            for x, y, kind, label in found
        ),
        x_ticks=tuple(Tick(place_x(x), f"{x:g}") for x in x_ticks),
        y_ticks=tuple(Tick(place_y(y), f"{y:g}") for y in y_ticks),
        float_y=place_y(whole),
        float_label=f"float {whole:.2f} %",
    )


def _nice(low: float, high: float) -> tuple[float, ...]:
    """About five round numbers that enclose [low, high]."""
    span = max(high - low, 0.5)
    step = 10 ** math.floor(math.log10(span / 4))
    step *= next(factor for factor in (1, 2, 5, 10) if span / (step * factor) <= 5)
    first, last = math.floor(low / step), math.ceil(high / step)
    return tuple(round(step * number, 6) for number in range(first, max(last, first + 1) + 1))
