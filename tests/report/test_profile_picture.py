"""Profiles as pictures, read as the text of an SVG."""

from __future__ import annotations

import re

from matplotlib import rc_context

from sqtvm.measure.profile import LayerProfile, LineProfile, Profile
from sqtvm.measure.source_lines import SourceLine
from sqtvm.report.profile_picture import profile_picture
from tests.report.test_profile_table import CLASSES, CONV, TIMED


def svg(profile: Profile, layer: LayerProfile | None = None) -> str:
    with rc_context({"svg.fonttype": "none"}):
        return profile_picture(profile, "a $net_1", "svg", layer).decode()


def bars(text: str, colour: str) -> int:
    return len(re.findall(rf'clip-path[^>]*style="fill: {colour}', text))


def test_every_class_has_its_bars() -> None:
    text = svg(Profile((CONV, CONV), "some-core v3"))
    assert bars(text, "#2457c5") == bars(text, "#0e8a80") == 2
    assert "a $net_1" in text
    assert "thousands (exact)" in text
    assert "by source line" not in text


def test_without_classes_there_are_bars_all_the_same() -> None:
    text = svg(Profile((TIMED, TIMED), "some-core v3", "no compiler"), TIMED)
    assert bars(text, "#6b7280") == 2
    assert "(exact)" not in text
    assert "timer, classes unknown" in text


def test_one_layer_is_drawn_by_source_line() -> None:
    lines = tuple(
        LineProfile(SourceLine("/gone/kernel.h", number), 1000 - number, CLASSES, "smlad r0, r1")
        for number in range(1, 21)
    )
    layer = LayerProfile("conv", 19790, 900.0, CLASSES, (0, 0, 0), lines)
    text = svg(Profile((layer,), "some-core v3"), layer)
    assert "conv, by source line" in text
    assert "smlad r0, r1  kernel.h:1<" in text
    assert "kernel.h:13" not in text
    assert "8 more lines" in text
    assert profile_picture(Profile((layer,), "m"), "t", "png", layer).startswith(b"\x89PNG")
