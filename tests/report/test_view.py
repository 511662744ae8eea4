from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqtvm.report import numbers, view
from sqtvm.report.scatter import HEIGHT, WIDTH, scatter
from tests.report.samples import report


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (65_536, "64.0 KiB"), (1 << 20, "1.00 MiB")],
)
def test_sizes(size: int, text: str) -> None:
    assert numbers.size(size) == text


@given(st.floats(0, 1e6))
def test_milliseconds_keep_three_digits(ms: float) -> None:
    text = numbers.milliseconds(ms)
    assert text.endswith(" ms")
    assert float(text.removesuffix(" ms").replace(",", "")) == pytest.approx(
        ms, rel=0.006, abs=1e-3
    )


def test_tile_without_limit_is_shown_against_the_board() -> None:
    tiles = {tile.name: tile for tile in view.tiles(report(limit_flash=None))}
    assert tiles["Time"].holds is True
    assert tiles["Flash"].holds is None
    assert "1.00 MiB" in tiles["Flash"].against


def test_segments_fill_as_much_as_is_used() -> None:
    written = report()
    flash, _ = view.memory_bars(written)
    used = written.totals.flash_bytes / written.board.flash_bytes
    assert sum(segment.share for segment in flash.segments) == pytest.approx(used)
    assert flash.limit_share == pytest.approx(61_440 / written.board.flash_bytes)


def test_points_lie_in_the_picture_and_lost_networks_at_its_edge() -> None:
    plot = scatter(report())
    assert plot is not None
    for point in plot.points:
        assert 0 <= point.x <= WIDTH
        assert 0 <= point.y <= HEIGHT
    assert [point.off for point in plot.points] == [False, False, True, False]


def test_without_labels_there_is_no_picture() -> None:
    assert scatter(report(labelled=False)) is None
    assert view.accuracy_rows(report(labelled=False)) == ()
