"""The Pareto front as rows and as a picture, read as the text of an SVG."""

from __future__ import annotations

import re

from matplotlib import rc_context
from rich.console import Console

from sqtvm.report.front_picture import front_picture
from sqtvm.report.rounds_table import front_table
from sqtvm.report.schema import FrontPart, Report
from tests.report import samples

_COLOURS = {"kept": "#2457c5", "front": "#0e8a80", "other": "#8b96a5"}


def point(label: str, accuracy: float, ms: float, front: bool, kept: bool = False) -> FrontPart:
    return FrontPart(
        label=label,
        weight_bits={"conv": 4},
        kernel_style="fast",
        accuracy=accuracy,
        ms=ms,
        ms_source="emulated",
        flash_bytes=50_000,
        ram_bytes=30_000,
        energy_mj=ms / 3,
        on_front=front,
        kept=kept,
    )


def with_points(*points: FrontPart) -> Report:
    return samples.report().model_copy(update={"front": points})


REPORT = with_points(
    point("round 1", 0.91, 41.0, True),
    point("round 2", 0.91, 41.0, True, kept=True),
    point("candidate 1", 0.90, 44.0, False),
    point("candidate 2", 0.358, 37.0, True),
)


def svg(report: Report) -> str:
    with rc_context({"svg.fonttype": "none"}):
        return front_picture(report, "svg").decode()


def test_every_point_is_in_all_four_panels_and_the_kept_one_on_top() -> None:
    text = svg(REPORT)
    # One more of each in the legend.
    found = re.findall(r'<use [^>]*style="fill: (#\w+)', text)
    drawn = {name: found.count(colour) for name, colour in _COLOURS.items()}
    assert drawn == {"kept": 4 + 1, "front": 8 + 1, "other": 4 + 1}
    assert found[:4] == [_COLOURS[name] for name in ("other", "front", "front", "kept")]


def test_a_ruined_network_does_not_press_the_others_together() -> None:
    text = svg(REPORT)
    assert text.count("35.8 %") == 4
    # The first panel's accuracies come behind its times.
    ticks = [float(value) for value in re.findall(r">(\d+(?:\.\d+)?)</text>", text)]
    accuracies = ticks[next(n for n in range(1, len(ticks)) if ticks[n] > ticks[n - 1] + 20) :]
    # Half a point below the worst of the others.
    assert 89 <= accuracies[0] <= 90


def test_rows_say_which_are_on_the_front() -> None:
    console = Console(width=160)
    with console.capture() as capture:
        console.print(front_table(REPORT))
    rows = {line[:20].strip(): line.split()[-1] for line in capture.get().splitlines()}
    assert rows["round 1"] == rows["round 2 (kept)"] == rows["candidate 2"] == "yes"
    assert rows["candidate 1"] == "mJ"
