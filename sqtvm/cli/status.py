"""Exit statuses, the same for every command; the README documents them."""

from __future__ import annotations

from enum import IntEnum


class ExitStatus(IntEnum):
    """USAGE and INTERRUPTED are what the argument parser and Ctrl-C give."""

    DONE = 0
    ERROR = 1
    USAGE = 2
    BUDGET = 3
    INTERRUPTED = 130


STATUS_HELP = (
    "Exit status: 0 done (and the budgets hold), 1 an error that you can mend, 2 wrong usage, "
    "3 the budgets cannot hold, 130 interrupted."
)
