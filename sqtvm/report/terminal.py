"""The report as tables for a terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from sqtvm.report import numbers, view
from sqtvm.report.rounds_table import front_table, rounds_table
from sqtvm.report.schema import Report, VerdictPart


def render_terminal(report: Report) -> RenderableType:
    """Layers, accuracy, rounds, then the verdicts last, where the eye is when a command ends."""
    parts: list[RenderableType] = [_layers(report)]
    if report.accuracy.float_ is not None:
        parts += [Text(), _accuracy(report)]
    parts += [Text(), rounds_table(report)]
    if len(report.front) > 1:
        parts += [Text(), front_table(report)]
    parts += [Text(), _verdicts(report), Text(), _verdict_line(report)]
    return Group(*parts)


def _layers(report: Report) -> Table:
    table = _table(f"{report.model.name} on {view.board_name(report)}")
    table.add_column("Layer", overflow="fold")
    table.add_column("Operator")
    for name in ("Bits", "Weights", "MACs", "Instructions", "ms"):
        table.add_column(name, justify="right", no_wrap=True)
    for layer in report.layers:
        table.add_row(
            layer.name,
            layer.op.replace("_", " "),
            str(layer.weight_bits or ""),
            numbers.size(layer.weight_bytes) if layer.weight_bytes else "",
            f"{layer.macs:,}" if layer.macs else "",
            "" if layer.instructions is None else f"{layer.instructions:,}",
            "" if layer.ms is None else f"{layer.ms:.3f}",
        )
    totals = report.totals
    table.add_section()
    table.add_row(
        "whole network",
        "",
        f"{view.average_bits(report):.1f}",
        numbers.size(totals.weight_bytes),
        f"{report.model.macs:,}",
        "" if totals.instructions is None else f"{totals.instructions:,}",
        f"{totals.ms:.3f}",
    )
    return table


def _accuracy(report: Report) -> Table:
    table = _table(f"Accuracy on {report.accuracy.samples:,} samples")
    table.add_column("Model")
    for name in ("Weights", "Accuracy", "Against float"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in view.accuracy_rows(report):
        lost = "" if row.kind == "float" else row.lost
        style = "bold" if row.kind == "chosen" else ""
        table.add_row(row.name, row.weights, numbers.percent(row.accuracy), lost, style=style)
    return table


def _verdicts(report: Report) -> Table:
    table = _table("Budget" if report.verdicts else "Cost")
    for name in ("", "Reached", "Limit", "How it is known", ""):
        table.add_column(name, justify="right" if name in ("Reached", "Limit") else "left")
    judged = {verdict.budget for verdict in report.verdicts}
    for verdict in report.verdicts:
        table.add_row(
            verdict.budget,
            "unknown" if verdict.reached is None else _amount(verdict, verdict.reached),
            _amount(verdict, verdict.limit),
            verdict.source,
            Text("holds", "green") if verdict.holds else Text("does not hold", "bold red"),
        )
    totals = report.totals
    for name, value, source in (
        ("time", numbers.milliseconds(totals.ms), totals.ms_source),
        ("flash", numbers.size(totals.flash_bytes), "linked image"),
        ("RAM", numbers.size(totals.ram_bytes), "linked image and stack"),
        ("energy", _energy(report), totals.energy_source or ""),
    ):
        if name not in judged and value:
            table.add_row(name, value, "", source, "")
    return table


def _amount(verdict: VerdictPart, amount: float) -> str:
    if verdict.unit == "bytes":
        return numbers.size(amount)
    if verdict.unit == "operations":
        return f"{amount:,.0f}"
    if verdict.unit == "mJ":
        return numbers.millijoules(amount)
    return numbers.milliseconds(amount) if verdict.unit == "ms" else f"{amount:.2f} points"


def _energy(report: Report) -> str:
    mj = report.totals.energy_mj
    return "" if mj is None else numbers.millijoules(mj)


def _verdict_line(report: Report) -> Text:
    line = Text()
    if report.verification is not None:
        if report.verification.equal_bytes:
            line.append(
                f"The firmware ran {report.verification.samples:,} samples; every output byte is "
                "the integer model's.\n"
            )
        else:
            line.append(
                f"The firmware is wrong: {report.verification.first_difference}\n", "bold red"
            )
    if not report.verdicts:
        line.append("No budget was asked for.")
    elif report.met:
        line.append("The budget holds.", "bold green")
    else:
        failing = ", ".join(verdict.budget for verdict in report.verdicts if not verdict.holds)
        line.append(f"The budget cannot be held: {failing}. The best found is left.", "bold red")
    return line


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
