"""How far a build is, from what it writes."""

from __future__ import annotations

import re
from collections.abc import Callable

from sqtvm.firmware.build import OnOutput

# Ninja's "[3/12] ...", which west passes on.
_STEP = re.compile(r"\[(\d+)/(\d+)\] ")


def with_steps(write: OnOutput, on_step: Callable[[int, int], None]) -> OnOutput:
    """Passes every line on to ``write``, and tells how many of the build's steps are done."""

    def on_line(line: str) -> None:
        write(line)
        step = _STEP.match(line)
        if step:
            on_step(int(step[1]), int(step[2]))

    return on_line
