"""A profile as tables for a terminal."""

from __future__ import annotations

from pathlib import Path

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from sqtvm.measure.instruction_class import CLASSES
from sqtvm.measure.profile import LayerProfile, LineProfile, Profile
from sqtvm.report import numbers

_BAR = 18
_COLOURS = {"load": "cyan", "store": "blue", "mac": "green", "alu": "yellow", "branch": "red"}
# Without colours, as in a pipe, the classes have to look different too.
_MARKS = {"load": "▓", "store": "▒", "mac": "█", "alu": "░", "branch": "/"}
_LINES = 20
_WIDTH = 44


def profile_table(profile: Profile) -> RenderableType:
    """One row a layer with its share of all instructions, drawn by class where that is known."""
    classes = CLASSES if any(layer.by_class for layer in profile.layers) else ()
    table = Table(box=None, pad_edge=False)
    table.add_column("Layer", no_wrap=True)
    for heading in ("Instructions", "Est. cycles", "%", *(_title(name) for name in classes)):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    longest = max((layer.instructions for layer in profile.layers), default=0) or 1
    for layer in profile.layers:
        table.add_row(
            escape(layer.name),
            f"{layer.instructions:,}",
            f"{layer.est_cycles:,.0f}",
            f"{100 * layer.instructions / (profile.instructions or 1):.1f}",
            *(numbers.count(layer.by_class[name]) for name in classes),
            _bar(layer, longest),
        )
    table.add_section()
    table.add_row(
        "whole inference",
        f"{profile.instructions:,}",
        f"{profile.est_cycles:,.0f}",
        "100.0",
        *(numbers.count(profile.by_class[name]) for name in classes),
        "",
    )
    key = Text("instructions: exact, " if classes else "instructions: by the emulator's timer")
    for name in classes:
        key.append(f"{_MARKS[name]} ", _COLOURS[name]).append(f"{_title(name)}  ")
    parts = [Text(), key, Text(f"cycles: estimated by {profile.cycle_model}")]
    if profile.note:
        parts.append(Text(profile.note, "bold"))
    return Group(table, *parts)


def layer_table(layer: LayerProfile) -> RenderableType:
    """The source lines of one layer that execute the most instructions."""
    table = Table(title=layer.name, title_justify="left", box=None, pad_edge=False)
    for heading in ("Instructions", "%", *(_title(name) for name in CLASSES)):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("Line", no_wrap=True)
    table.add_column("Source", no_wrap=True)
    for line in layer.lines[:_LINES]:
        table.add_row(
            f"{line.instructions:,}",
            f"{100 * line.instructions / (layer.instructions or 1):.1f}",
            *(numbers.count(line.by_class[name]) for name in CLASSES),
            escape(_place(line)),
            escape(_text(line)),
        )
    rest = layer.lines[_LINES:]
    if rest:
        count = sum(line.instructions for line in rest)
        table.add_row(f"{count:,}", "", *([""] * len(CLASSES)), f"{len(rest)} more lines", "")
    code, flash, ram = layer.fills
    fills = f"cache lines filled: {code:,} of code, {flash:,} of constants, {ram:,} of data"
    return Group(table, Text(fills)) if any(layer.fills) else table


def _bar(layer: LayerProfile, longest: int) -> Text:
    """A bar as long as the layer is, its classes side by side where they are known."""
    if not layer.by_class:
        return Text("█" * round(_BAR * layer.instructions / longest))
    bar = Text()
    done = drawn = 0
    for name in CLASSES:
        done += layer.by_class.get(name, 0)
        until = round(_BAR * done / longest)
        bar.append(_MARKS[name] * (until - drawn), _COLOURS[name])
        drawn = until
    return bar


def _title(name: str) -> str:
    return {"mac": "MAC", "alu": "ALU"}.get(name, name.capitalize())


def _place(line: LineProfile) -> str:
    return "?" if line.source is None else f"{Path(line.source.file).name}:{line.source.line}"


def _text(line: LineProfile) -> str:
    """The source; where it says nothing, as in the middle of a macro, the hottest instruction."""
    text = ("" if line.source is None else line.source.text()) or line.hottest
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"
