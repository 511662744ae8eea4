"""Progress on a terminal and in a log."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from sqtvm.cli import progress_display as progress_display_module
from sqtvm.cli.progress_display import progress_display
from sqtvm.progress import Progress


@pytest.mark.parametrize("terminal", [True, False])
def test_results_stay_and_jobs_are_counted(terminal: bool) -> None:
    written = StringIO()
    console = Console(file=written, force_terminal=terminal, width=120, color_system=None)
    with progress_display(console, quiet=False) as on_progress:
        on_progress(Progress("compare", "round 1: predicted 40 ms", lasting=True))
        on_progress(Progress("compare", "round 2: predicted 41 ms", lasting=True))
        on_progress(Progress("candidates", "built and measured", 3, 8))
    lines = [line.strip() for line in written.getvalue().splitlines()]
    for number, ms in ((1, 40), (2, 41)):
        assert any(line.endswith(f"round {number}: predicted {ms} ms") for line in lines)
    assert "3/8" in written.getvalue()


@pytest.mark.parametrize(
    ("steps_each", "left"), [(3.0, "(2/8, 18 s left)"), (60.0, "(2/8, 6 min left)")]
)
def test_time_left_is_told_in_a_log(
    steps_each: float, left: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = StringIO()
    clock = iter(steps_each * number for number in range(10))
    monkeypatch.setattr(progress_display_module.time, "monotonic", lambda: next(clock))
    with progress_display(Console(file=written, width=120), quiet=False) as on_progress:
        # The second search begins to count anew.
        for done in (5, 0, 1, 2):
            on_progress(Progress("allocate", "sensitivity of conv", done, 8))
    assert written.getvalue().splitlines()[-1].endswith(f"sensitivity of conv {left}")


def test_quiet_writes_nothing() -> None:
    written = StringIO()
    console = Console(file=written, force_terminal=True)
    with progress_display(console, quiet=True) as on_progress:
        on_progress(Progress("compare", "round 1", lasting=True))
    assert written.getvalue() == ""
