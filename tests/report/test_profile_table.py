"""Profiles as tables: by class, and where only a timer told the instructions."""

from __future__ import annotations

from rich.console import Console, RenderableType

from sqtvm.measure.profile import LayerProfile, LineProfile, Profile
from sqtvm.measure.source_lines import SourceLine
from sqtvm.report.profile_table import layer_table, profile_table

CLASSES = {"load": 400, "store": 100, "mac": 300, "alu": 200, "branch": 0}
LINE = LineProfile(SourceLine("/gone/kernel.h", 7), 1000, CLASSES, "smlad r0, r1, r2, r0")
CONV = LayerProfile("conv", 1000, 900.0, CLASSES, (3, 40, 5), (LINE,))
TIMED = LayerProfile("conv", 1000, 900.0, {}, (0, 0, 0), ())


def shown(content: RenderableType) -> list[str]:
    console = Console(width=120, color_system=None)
    with console.capture() as capture:
        console.print(content)
    return [line.rstrip() for line in capture.get().splitlines()]


def test_classes_are_told_apart_without_colours() -> None:
    lines = shown(profile_table(Profile((CONV,), "some-core v3")))
    assert lines[0].split() == [
        *("Layer", "Instructions", "Est.", "cycles", "%", "Load", "Store", "MAC", "ALU", "Branch")
    ]
    numbers, bar = lines[1].split()[:-1], lines[1].split()[-1]
    assert numbers == ["conv", "1,000", "900", "100.0", "400", "100", "300", "200", "0"]
    shares = [bar.count(mark) / len(bar) for mark in "▓▒█░/"]
    assert all(abs(a - b) < 0.06 for a, b in zip(shares, (0.4, 0.1, 0.3, 0.2, 0), strict=True))
    assert any("exact" in line and "▓ Load" in line for line in lines)


def test_a_timers_instructions_are_not_called_exact() -> None:
    lines = shown(profile_table(Profile((TIMED,), "some-core v3", "there is no compiler")))
    assert lines[0].split() == ["Layer", "Instructions", "Est.", "cycles", "%"]
    assert lines[1].split()[-1] == "█" * 18
    text = "\n".join(lines)
    assert "exact" not in text
    assert "by the emulator's timer" in text
    assert "there is no compiler" in text


def test_lines_without_source_show_their_hottest_instruction() -> None:
    lines = shown(layer_table(CONV))
    assert any("kernel.h:7" in line and "smlad r0, r1, r2, r0" in line for line in lines)
    assert "3 of code, 40 of constants, 5 of data" in lines[-1]
