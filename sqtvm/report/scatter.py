"""Pictures of accuracy over a cost: where their points, ticks and labels lie."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sqtvm.report import numbers
from sqtvm.report.schema import FrontPart, Report

# About as wide as it is on a phone, where its letters are to be read too.
WIDTH, HEIGHT = 360, 250
LEFT, RIGHT, TOP, BOTTOM = 40, 12, 20, 38

# Points of accuracy below the best from where on a point is only marked at the edge: one network
# that lost everything would press all others into one line.
_SHOWN_POINTS = 20.0
_MARGIN_POINTS = 0.5
# Width of a label's letter; where a label can stand: to the right, left or over its point, and how
# far its line is below.
_LETTER = 7.6
_BESIDE = (
    *((1, 4), (-1, 4), (0, 20), (0, -12), (1, 18), (-1, 18), (1, -10), (-1, -10)),
    *((0, 32), (0, -24), (1, 30), (-1, 30), (1, -22), (-1, -22)),
)

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
class Label:
    """Text that is centred on its place."""

    x: float
    y: float
    text: str


@dataclass(frozen=True)
class Scatter:
    """limit_x: where the budget's limit stands, None outside of the picture or without one;
    float_y: where the float model's accuracy stands, None where it is not of the same samples;
    float_label: over or under that line."""

    x_name: str
    y_name: str
    points: tuple[Point, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    limit_x: float | None
    float_y: float | None
    float_label: Label | None


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
        (f"{bits} bits", totals.uniform_weight_bytes[bits], value)
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
    label = f"{name} {numbers.percent(accuracy)}"
    whole = label if kind == "chosen" else f"all layers at {label}"
    return Mark(size / 1024, accuracy * 100, kind, label, f"{whole}, {numbers.size(size)}")


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
    return Mark(x, point.accuracy * 100, kind, f"chosen {accuracy}" if point.kept else "", title)


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
    places = [(across(mark.x), min(up(mark.y), up.start)) for mark in marks]
    taken = [_Box(x - 6, y - 6, x + 6, y + 6) for x, y in places]
    if limit_x is not None:
        taken.append(_Box(limit_x - 1, TOP, limit_x + 1, HEIGHT - BOTTOM))
    float_label = None
    if whole is not None:
        float_label = _float_label(whole, up(whole), taken)
        taken.append(_box(float_label))
        taken.append(_Box(LEFT, up(whole) - 1, WIDTH - RIGHT, up(whole) + 1))
    return Scatter(
        x_name=x_name,
        y_name=y_name,
        points=_points(marks, places, up, taken),
        x_ticks=tuple(Tick(across(x), f"{x:g}") for x in x_ticks),
        y_ticks=tuple(Tick(up(y), f"{y:g}") for y in y_ticks),
        limit_x=limit_x,
        float_y=None if whole is None else up(whole),
        float_label=float_label,
    )


def _float_label(percent: float, line: float, taken: Sequence[_Box]) -> Label:
    """At an end of its line, over or under it, where it hides least."""
    text = f"float {percent:.2f} %"
    half = len(text) * _LETTER / 2
    options = [
        Label(x, line + down, text)
        for down in (-5, 13)
        for x in (LEFT + 4 + half, WIDTH - RIGHT - 4 - half)
    ]
    return min(options, key=lambda option: _box(option).cost(taken))


def _box(label: Label) -> _Box:
    half = len(label.text) * _LETTER / 2
    return _Box(label.x - half, label.y - 10, label.x + half, label.y + 3)


def _x_ticks(values: Sequence[float], limit: float | None, close: bool) -> tuple[float, ...]:
    """From zero on; where ``close``, from a little below the least, and the limit in sight."""
    if not close:
        return _nice(0, max(values))
    seen = [*values] if limit is None else [*values, limit]
    margin = max(0.1 * (max(seen) - min(seen)), 0.02 * max(seen))
    return _nice(max(min(seen) - margin, 0), max(seen) + margin)


def _points(
    marks: Sequence[Mark],
    places: Sequence[tuple[float, float]],
    up: _Scale,
    taken: Sequence[_Box],
) -> tuple[Point, ...]:
    """Each label at the place beside its point that hides least; the chosen one's first.

    taken: what must not be hidden.
    """
    hidden = list(taken)
    found: dict[int, Point] = {}
    for number in sorted(range(len(marks)), key=lambda number: marks[number].kind != "chosen"):
        mark, (x, y) = marks[number], places[number]
        off = mark.y < up.low
        text = mark.label or (f"{mark.y:.1f} %" if off else "")
        half = len(text) * _LETTER / 2
        options = [Label(x + side * (half + 11), y + down, text) for side, down in _BESIDE]
        best = min(options, key=lambda option: _box(option).cost(hidden))
        if text:
            hidden.append(_box(best))
        found[number] = Point(x, y, mark.kind, off, text, mark.title, best.x, best.y)
    return tuple(found[number] for number in range(len(marks)))


def _nice(low: float, high: float) -> tuple[float, ...]:
    """About five round numbers that enclose [low, high]."""
    span = max(high - low, 1e-3 * abs(high), 1e-6)
    step = 10.0 ** math.floor(math.log10(span / 4))
    step *= next(factor for factor in (1, 2, 5, 10) if span / (step * factor) <= 5)
    first, last = math.floor(low / step), math.ceil(high / step)
    return tuple(round(step * number, 9) for number in range(first, max(last, first + 1) + 1))
