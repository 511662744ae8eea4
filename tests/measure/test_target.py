"""The forms of --measure."""

from __future__ import annotations

import pytest

from sqtvm.errors import MeasurementError
from sqtvm.measure.target import Target, parse_target


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("emulator", Target("emulator")),
        ("none", Target("none")),
        ("serial:/dev/ttyACM0", Target("serial", "/dev/ttyACM0", 115200)),
        ("serial:COM3@921600", Target("serial", "COM3", 921600)),
        ("serial:socket://10.0.0.2:4000", Target("serial", "socket://10.0.0.2:4000", 115200)),
        ("serial:auto", Target("serial", "auto", 115200)),
        ("labgrid:farm/env.yaml#f746-3", Target("labgrid", "farm/env.yaml", place="f746-3")),
        ("labgrid:env.yaml", Target("labgrid", "env.yaml", place="main")),
        ("serial:rfc2217://me@lab:4000", Target("serial", "rfc2217://me@lab:4000", 115200)),
    ],
)
def test_each_form(text: str, expected: Target) -> None:
    assert parse_target(text) == expected
    assert parse_target(str(expected)).port == expected.port


@pytest.mark.parametrize(
    "text", ["", "serial", "serial:", "emulator:1", "board", "none:", "labgrid:#x"]
)
def test_anything_else_is_an_error_that_lists_the_forms(text: str) -> None:
    with pytest.raises(MeasurementError) as caught:
        parse_target(text)
    assert "serial:PORT" in caught.value.hint
