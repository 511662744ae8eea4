"""The loop as tables for a terminal: predicted against measured, and the Pareto front."""

from __future__ import annotations

from collections.abc import Mapping

from rich.table import Table

from sqtvm.report import numbers
from sqtvm.report.schema import Report


def rounds_table(report: Report) -> Table:
    """What each round was predicted to cost and what its firmware then took."""
    table = _table(f"Rounds (time {report.totals.ms_source})")
    for name in ("Round", "Kernels", "8/4/2 bits", "Predicted", "Time", "Off by", "Predicted"):
        table.add_column(name, justify="left" if name == "Kernels" else "right", no_wrap=True)
    table.add_column("Flash", justify="right", no_wrap=True)
    table.add_column("Does not hold")
    for turn in report.iterations:
        table.add_row(
            f"{turn.number}{' (kept)' if turn.kept else ''}",
            turn.kernel_style,
            bits_used(turn.weight_bits),
            numbers.milliseconds(turn.predicted.ms),
            numbers.milliseconds(turn.ms),
            off_by(turn.predicted.ms, turn.ms),
            numbers.size(turn.predicted.flash_bytes),
            numbers.size(turn.flash_bytes),
            ", ".join(reason.partition(":")[0] for reason in turn.failing),
        )
    return table


def front_table(report: Report) -> Table:
    """Every allocation that was measured, those on the Pareto front marked."""
    table = _table("Pareto front of all that was measured")
    table.add_column("Allocation", no_wrap=True)
    for name in ("8/4/2 bits", "Search accuracy", "Time", "Flash", "RAM", "Energy"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("On the front")
    for point in report.front:
        table.add_row(
            f"{point.label}{' (kept)' if point.kept else ''}",
            bits_used(point.weight_bits),
            "" if point.accuracy is None else numbers.percent(point.accuracy),
            numbers.milliseconds(point.ms),
            numbers.size(point.flash_bytes),
            numbers.size(point.ram_bytes),
            "" if point.energy_mj is None else numbers.millijoules(point.energy_mj),
            "yes" if point.on_front else "",
            style="bold" if point.on_front else "",
        )
    return table


def bits_used(weight_bits: Mapping[str, int]) -> str:
    """How many layers have 8, 4 and 2 bits, as in ``3/1/0``."""
    used = list(weight_bits.values())
    return "/".join(str(used.count(bits)) for bits in (8, 4, 2))


def off_by(predicted: float, reached: float) -> str:
    """By how much the prediction missed, as a share of what was reached; empty for nothing."""
    return f"{predicted / reached - 1:+.1%}" if reached else ""


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
