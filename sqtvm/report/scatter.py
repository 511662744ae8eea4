"""Pictures of accuracy over a cost: where their points, ticks and labels lie."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sqtvm.report import numbers
from sqtvm.report.schema import FrontPart, Report

WIDTH, HEIGHT = 440, 280
LEFT, RIGHT, TOP, BOTTOM = 48, 16, 22, 40

# Points of accuracy below the best from where on a point is only marked at the edge: one network
# that lost everything would press all others into one line.
_SHOWN_POINTS = 20.0
_MARGIN_POINTS = 0.5
# Width of a label's letter; where a label can stand: to the right, left or over its point, and how
# far its line is below.
_LETTER = 7.0
_BESIDE = ((1, 4), (-1, 4), (0, 20), (0, -12), (1, 18), (-1, 18), (1, -10), (-1, -10))

Kind: TypeAlias = Literal["chosen", "uniform", "front", "other"]


@dataclass(frozen=True)
class Mark:
    """What to draw: x in the picture's unit, y in percent; label: empty for none beside it;
    title: the whole, for who points at it."""

    x: float
    y: float
    kind: Kind
    label: str
    title: str


@dataclass(frozen=True)
class Point:
    """All places are of the picture; off: below its lower edge, and so only marked there; a label
    is centred on its place."""

    x: float
    y: float
    kind: Kind
    off: bool
    label: str
    title: str
    label_x: float
    label_y: float


@dataclass(frozen=True)
class Tick:
    at: float
    label: str


@dataclass(frozen=True)
class Scatter:
    """limit_x: where the budget's limit stands, None outside of the picture or without one;
    float_y: where the float model's accuracy stands, None where it is not of the same samples."""

    x_name: str
    y_name: str
    points: tuple[Point, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    limit_x: float | None
    float_y: float | None
    float_label: str


@dataclass(frozen=True)
class _Box:
    left: float
    top: float
    right: float
    bottom: float

    def cost(self, taken: Sequence[_Box]) -> float:
        """What it hides of others, and what of it is outside of the picture."""
        hidden = sum(
            max(min(self.right, other.right) - max(self.left, other.left), 0.0)
            * max(min(self.bottom, other.bottom) - max(self.top, other.top), 0.0)
            for other in taken
        )
        outside = max(LEFT - self.left, 0.0) + max(self.right - WIDTH, 0.0)
        outside += max(self.bottom - (HEIGHT - BOTTOM), 0.0) + max(-self.top, 0.0)
        return hidden + 100 * outside


@dataclass(frozen=True)
class _Scale:
    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def size_plot(report: Report) -> Scatter | None:
    """Accuracy on all evaluation samples over the size of the weights: the chosen bits and the
    uniform ones. None where accuracies are unknown."""
    accuracy, totals = report.accuracy, report.totals
    if accuracy.float_ is None or accuracy.allocated is None:
        return None
    found = [
        (f"all {bits} bits", totals.uniform_weight_bytes[bits], value)
        for bits, value in accuracy.uniform.items()
        if value is not None
    ]
    marks = [_size_mark(name, size, value, "uniform") for name, size, value in found] + [
        _size_mark("chosen", totals.weight_bytes, accuracy.allocated, "chosen")
    ]
    return _plot(marks, "weights, KiB", "accuracy, %", None, accuracy.float_ * 100)


def front_plots(report: Report) -> tuple[Scatter, ...]:
    """Accuracy in the search over time, flash, RAM and, where it is known, energy, of all that was
    measured. Empty where accuracies are unknown."""
    known = [point for point in report.front if point.accuracy is not None]
    if not known:
        return ()
    budget = report.budget
    kib = 1 / 1024
    panels: list[tuple[str, Callable[[FrontPart], float | None], float | None]] = [
        ("time, ms", lambda point: point.ms, budget.ms),
        ("flash, KiB", lambda point: point.flash_bytes * kib, _scaled(budget.flash_bytes, kib)),
        ("RAM, KiB", lambda point: point.ram_bytes * kib, _scaled(budget.ram_bytes, kib)),
        ("energy, mJ", lambda point: point.energy_mj, budget.energy_mj),
    ]
    plots = []
    for name, cost, limit in panels:
        marks = [
            _front_mark(point, value)
            # What matters most is drawn last, above what has the same figures.
            for point in sorted(known, key=lambda point: (point.kept, point.on_front))
            if (value := cost(point)) is not None
        ]
        if marks:
            plots.append(_plot(marks, name, "search accuracy, %", limit, None))
    return tuple(plots)


def _size_mark(name: str, size: int, accuracy: float, kind: Kind) -> Mark:
    label = f"{name}, {numbers.percent(accuracy)}"
    return Mark(size / 1024, accuracy * 100, kind, label, f"{label}, {numbers.size(size)}")


def _front_mark(point: FrontPart, x: float) -> Mark:
    assert point.accuracy is not None
    kind: Kind = "chosen" if point.kept else "front" if point.on_front else "other"
    used = list(point.weight_bits.values())
    bits = " / ".join(str(used.count(bits)) for bits in (8, 4, 2))
    accuracy = numbers.percent(point.accuracy)
    title = (
        f"{point.label}: {accuracy}, {numbers.milliseconds(point.ms)}, flash "
        f"{numbers.size(point.flash_bytes)}, RAM {numbers.size(point.ram_bytes)}, layers at 8 / 4 "
        f"/ 2 bits: {bits}"
    )
    return Mark(x, point.accuracy * 100, kind, f"chosen, {accuracy}" if point.kept else "", title)


def _scaled(value: int | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _plot(
    marks: Sequence[Mark], x_name: str, y_name: str, limit: float | None, whole: float | None
) -> Scatter:
    """limit: of x; whole: the float model's accuracy in percent."""
    best = max(mark.y for mark in marks) if whole is None else whole
    shown = [mark.y for mark in marks if mark.y >= best - _SHOWN_POINTS]
    lost = len(shown) < len(marks)
    heights = [*shown, best]
    x_ticks = _x_ticks([mark.x for mark in marks], limit, whole is None)
    y_ticks = _nice(min(heights) - _MARGIN_POINTS, max(heights) + _MARGIN_POINTS)
    if lost:
        y_ticks = (2 * y_ticks[0] - y_ticks[1], *y_ticks)
    across = _Scale(x_ticks[0], x_ticks[-1], LEFT, WIDTH - RIGHT)
    up = _Scale(y_ticks[0], y_ticks[-1], HEIGHT - BOTTOM, TOP)
    inside = limit is not None and x_ticks[0] <= limit <= x_ticks[-1]
    limit_x = across(limit) if limit is not None and inside else None
    return Scatter(
        x_name=x_name,
        y_name=y_name,
        points=_points(marks, across, up, limit_x),
        x_ticks=tuple(Tick(across(x), f"{x:g}") for x in x_ticks),
        y_ticks=tuple(Tick(up(y), f"{y:g}") for y in y_ticks),
        limit_x=limit_x,
        float_y=None if whole is None else up(whole),
        float_label="" if whole is None else f"float {whole:.2f} %",
    )


def _x_ticks(values: Sequence[float], limit: float | None, close: bool) -> tuple[float, ...]:
    """From zero on; where ``close``, from a little below the least, and the limit in sight."""
    if not close:
        return _nice(0, max(values))
    seen = [*values] if limit is None else [*values, limit]
    margin = max(0.1 * (max(seen) - min(seen)), 0.02 * max(seen))
    return _nice(max(min(seen) - margin, 0), max(seen) + margin)


def _points(
    marks: Sequence[Mark], across: _Scale, up: _Scale, limit_x: float | None
) -> tuple[Point, ...]:
    """Each label at the place beside its point that hides least; the chosen one's first."""
    places = [(across(mark.x), min(up(mark.y), up.start)) for mark in marks]
    taken = [_Box(x - 6, y - 6, x + 6, y + 6) for x, y in places]
    if limit_x is not None:
        taken.append(_Box(limit_x - 1, TOP, limit_x + 1, HEIGHT - BOTTOM))
    found: dict[int, Point] = {}
    for number in sorted(range(len(marks)), key=lambda number: marks[number].kind != "chosen"):
        mark, (x, y) = marks[number], places[number]
        off = mark.y < up.low
        label = mark.label or (f"{mark.y:.1f} %" if off else "")
        half = len(label) * _LETTER / 2
        options = [(x + side * (half + 11), y + down) for side, down in _BESIDE]
        boxes = [_Box(at - half, base - 10, at + half, base + 3) for at, base in options]
        best = min(range(len(boxes)), key=lambda option: boxes[option].cost(taken))
        if label:
            taken.append(boxes[best])
        found[number] = Point(x, y, mark.kind, off, label, mark.title, *options[best])
    return tuple(found[number] for number in range(len(marks)))


def _nice(low: float, high: float) -> tuple[float, ...]:
    """About five round numbers that enclose [low, high]."""
    span = max(high - low, 1e-3 * abs(high), 1e-6)
    step = 10.0 ** math.floor(math.log10(span / 4))
    step *= next(factor for factor in (1, 2, 5, 10) if span / (step * factor) <= 5)
    first, last = math.floor(low / step), math.ceil(high / step)
    return tuple(round(step * number, 9) for number in range(first, max(last, first + 1) + 1))
