"""Steps of a build, as Ninja tells them."""

from __future__ import annotations

from sqtvm.firmware.build_steps import with_steps


def test_steps_are_told_and_no_line_is_lost() -> None:
    lines = [
        "-- Configuring done",
        "[1/3] Building C object a.o",
        "a.c:1: note: [2/3]",
        "[3/3] Link",
    ]
    written: list[str] = []
    told: list[tuple[int, int]] = []
    on_line = with_steps(written.append, lambda done, total: told.append((done, total)))
    for line in lines:
        on_line(line)
    assert written == lines
    assert told == [(1, 3), (3, 3)]
