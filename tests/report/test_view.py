from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqtvm.report import numbers, places_view, view
from sqtvm.report.scatter import HEIGHT, WIDTH, front_plots, size_plot
from tests.report.samples import report


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (65_536, "64.0 KiB"), (1 << 20, "1.00 MiB")],
)
def test_sizes(size: int, text: str) -> None:
    assert numbers.size(size) == text


@pytest.mark.parametrize(
    ("fraction", "text"),
    [(0, "0 %"), (0.0021, "0.2 %"), (0.84, "84 %"), (0.997, "99.7 %"), (1, "100 %")],
)
def test_shares(fraction: float, text: str) -> None:
    assert numbers.share(fraction) == text


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
    plot = size_plot(report())
    assert plot is not None
    for point in plot.points:
        assert 0 <= point.x <= WIDTH
        assert 0 <= point.y <= HEIGHT
    assert [point.off for point in plot.points] == [False, False, True, False]


def test_without_labels_there_is_no_picture() -> None:
    assert size_plot(report(labelled=False)) is None
    assert front_plots(report(labelled=False)) == ()
    assert view.accuracy_rows(report(labelled=False)) == ()


def test_front_is_drawn_over_every_cost_that_is_known() -> None:
    time, flash, ram = front_plots(report())
    assert [plot.x_name for plot in (time, flash, ram)] == ["time, ms", "flash, KiB", "RAM, KiB"]
    assert [point.kind for point in time.points] == ["other", "chosen"]
    assert time.points[1].x < time.points[0].x, "it is faster"
    assert time.limit_x is not None
    assert time.points[1].x < time.limit_x < time.points[0].x
    assert ram.limit_x is None, "it had no limit"
    assert "91.20 %" in time.points[1].label


# What all layers at 8, 4 and 2 bits and the chosen bits keep of 89.37 %.
@pytest.mark.parametrize(
    "accuracies", [(0.9165, 0.8842, 0.10, 0.9121), (0.8937, 0.8952, 0.8581, 0.8927), (0.9937,) * 4]
)
def test_labels_do_not_hide_each_other(accuracies: tuple[float, ...]) -> None:
    whole = report()
    *uniform, chosen = accuracies
    accuracy = whole.accuracy.model_copy(
        update={
            "float_": accuracies[0],
            "allocated": chosen,
            "uniform": dict(zip("842", uniform, strict=True)),
        }
    )
    plot = size_plot(whole.model_copy(update={"accuracy": accuracy}))
    assert plot is not None
    assert plot.float_label is not None
    boxes = [(p.label_x, p.label_y, 3.4 * len(p.label)) for p in plot.points if p.label]
    assert len(boxes) == 4
    float_label = plot.float_label
    boxes.append((float_label.x, float_label.y, 3.4 * len(float_label.text)))
    for i, (x, y, half) in enumerate(boxes):
        for other_x, other_y, other_half in boxes[:i]:
            assert abs(x - other_x) >= half + other_half or abs(y - other_y) >= 11


def test_bits_are_counted_by_layers_and_weights() -> None:
    shares = view.bit_shares(report())
    assert [(share.bits, share.layers) for share in shares] == [(8, 4), (4, 4), (2, 2)]
    assert sum(share.weights for share in shares) == pytest.approx(1)
    assert shares[2].weights == pytest.approx((18_496 + 36_928) / 77_418)


def test_shares_are_of_the_largest_layer() -> None:
    rows = view.layer_rows(report())
    for shares in zip(
        *((row.ms_share, row.ram_share, row.sigma_share, row.sensitivity_share) for row in rows),
        strict=True,
    ):
        assert max(shares) == 1
        assert min(shares) >= 0
    by_name = {row.part.name: row for row in rows}
    assert by_name["stack3.conv1"].sensitivity == 0.001
    assert by_name["pool"].sensitivity is None


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({}, "✓ All budgets hold"),
        ({"limit_ms": 30.0}, "✗ Time does not hold"),
        ({"limit_ms": 30.0, "limit_flash": 9}, "✗ Time and flash do not hold"),
        ({"limit_flash": None}, "✓ The budget holds"),
    ],
)
def test_headline_names_what_fails(limits: dict[str, float | None], words: str) -> None:
    assert view.headline(report(**limits)) == words  # type: ignore[arg-type]


def test_memories_are_drawn_to_their_last_byte() -> None:
    flash, dtcm, sram = places_view.regions(report())
    assert sram.pieces == ()
    for region in (flash, dtcm):
        last = region.pieces[-1]
        assert last.x + last.width == pytest.approx(1)
    assert dtcm.used == "33.6 KiB"
    assert dtcm.pieces[1].address == "0x20001000"


def test_tensors_lie_in_the_picture() -> None:
    plan = places_view.plan(report())
    assert plan is not None
    for box in plan.boxes:
        assert box.x >= places_view.LEFT
        assert box.x + box.width <= places_view.WIDTH
        assert box.y >= places_view.TOP - 1e-6
        assert box.y + box.height <= places_view.HEIGHT - places_view.BOTTOM + 1e-6


@pytest.mark.parametrize(
    ("number", "text"), [(0.00195, "1.95"), (-2.3e-6, "0.00"), (-0.00234, "-2.34")]
)
def test_thousandths(number: float, text: str) -> None:
    assert numbers.thousandths(number) == text
