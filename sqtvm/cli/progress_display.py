"""Progress of a command on stderr: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as RichProgress

from sqtvm.progress import OnProgress, Progress, silent

# Lines of one stage in a log are at least so far apart.
_LINE_SECONDS = 2.0


@contextmanager
def progress_display(console: Console, quiet: bool) -> Iterator[OnProgress]:
    """Gives the callback that shows progress until the block ends."""
    if quiet:
        yield silent
    elif console.is_terminal:
        with RichProgress(
            SpinnerColumn(),
            TextColumn("[bold]{task.fields[stage]:<9}[/] {task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(compact=True),
            console=console,
            transient=True,
        ) as bars:
            yield _Live(bars)
    else:
        yield _Lines(console)


class _Live:
    """One moving line for the current stage, and a line that stays for each that is done."""

    def __init__(self, bars: RichProgress) -> None:
        self._bars = bars
        self._task: TaskID | None = None
        self._stage = ""
        self._started = time.monotonic()

    def __call__(self, progress: Progress) -> None:
        if progress.stage != self._stage:
            self._finish()
            self._stage, self._started = progress.stage, time.monotonic()
            self._task = self._bars.add_task(progress.message, stage=progress.stage, total=None)
        assert self._task is not None
        if progress.lasting:
            self._bars.console.print(f"  {progress.message}", markup=False, soft_wrap=True)
        self._bars.update(
            self._task,
            description=progress.message,
            completed=progress.done,
            total=progress.total or None,
        )

    def _finish(self) -> None:
        if self._task is None:
            return
        self._bars.remove_task(self._task)
        seconds = time.monotonic() - self._started
        if seconds >= 1:
            self._bars.console.print(f"  {self._stage:<9} [dim]{seconds:.1f} s[/]")


@dataclass(frozen=True)
class _Counting:
    """When the steps of a stage began to be counted, where, and how many there are."""

    begun: float
    first: int
    total: int

    def seconds_left(self, now: float, done: int) -> float | None:
        """By the mean of the steps so far; None before a second or the first step is over."""
        if now - self.begun < 1 or done <= self.first:
            return None
        return (now - self.begun) / (done - self.first) * (self.total - done)


def _duration(seconds: float) -> str:
    """``40 s``, ``12 min`` or ``1 h 05 min``."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"


class _Lines:
    """A line when a stage begins, and now and then while it lasts, with the time that is left."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._begun = time.monotonic()
        self._stage = ""
        self._printed = 0.0
        self._counting = _Counting(0.0, 0, 0)
        self._done = 0

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        anew = progress.stage != self._stage or progress.total != self._counting.total
        if anew or progress.done < self._done:
            self._counting = _Counting(now, progress.done, progress.total)
        self._done = progress.done
        soon = progress.stage == self._stage and now - self._printed < _LINE_SECONDS
        if soon and not progress.lasting:
            return
        self._stage, self._printed = progress.stage, now
        steps = ""
        if progress.total:
            left = self._counting.seconds_left(now, progress.done)
            remaining = "" if left is None else f", {_duration(left)} left"
            steps = f" ({progress.done}/{progress.total}{remaining})"
        text = f"[{now - self._begun:7.1f} s] {progress.stage}: {progress.message}{steps}"
        self._console.print(text, markup=False, soft_wrap=True)
