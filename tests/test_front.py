"""Which of the measured allocations are on the front, and which more are worth measuring."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sqtvm.compile.kernel_call import KernelStyle
from sqtvm.firmware.memory_use import MemoryUse
from sqtvm.front import FrontPoint, candidates, with_front
from sqtvm.measure.measurement import Energy, Measurement


def point(accuracy: float, ms: float, flash: int, mj: float | None = None) -> FrontPoint:
    measurement = Measurement(
        target="emulator",
        layers=(),
        instructions=None,
        est_cycles=None,
        cycle_model=None,
        measured_cycles=None,
        ms=ms,
        ms_source="emulated",
        memory=MemoryUse(flash, 0, 0, 100, 0, 0),
        outputs=np.zeros((0, 0), np.int8),
        energy=None if mj is None else Energy(mj, "modelled", ""),
    )
    return FrontPoint("point", {"conv": 8}, KernelStyle.FAST, accuracy, measurement)


def test_the_better_in_everything_leaves_the_other_behind() -> None:
    points = with_front([point(0.9, 10, 100), point(0.9, 11, 100), point(0.8, 9, 100)])
    assert [found.on_front for found in points] == [True, False, True]


def test_equals_are_both_on_it_and_energy_counts() -> None:
    assert all(found.on_front for found in with_front([point(0.9, 10, 100)] * 2))
    points = with_front([point(0.9, 10, 100, 5), point(0.9, 10, 100, 6)])
    assert [found.on_front for found in points] == [True, False]


def test_unknown_accuracies_are_equal() -> None:
    points = with_front([point(float("nan"), 10, 100), point(float("nan"), 11, 90)])
    assert all(found.on_front for found in points)
    points = with_front([point(float("nan"), 10, 90), point(float("nan"), 11, 100)])
    assert [found.on_front for found in points] == [True, False]


@given(
    st.lists(
        st.tuples(st.sampled_from([0.7, 0.8, 0.9]), st.integers(1, 4), st.integers(1, 4)),
        min_size=1,
        max_size=12,
    )
)
def test_everything_off_the_front_is_beaten_by_something_on_it(
    figures: list[tuple[float, int, int]],
) -> None:
    points = with_front([point(*each) for each in figures])
    front = [each for each, found in zip(figures, points, strict=True) if found.on_front]
    assert front
    for accuracy, ms, flash in figures:
        beaten = [
            other
            for other in front
            if other[0] >= accuracy and other[1] <= ms and other[2] <= flash
        ]
        assert beaten


def turn(bits: dict[str, int], *decisions: tuple[str, int, int, bool]) -> Any:
    listed = [
        SimpleNamespace(layer=layer, bits_before=before, bits_after=after, kept=kept)
        for layer, before, after, kept in decisions
    ]
    return SimpleNamespace(allocation=SimpleNamespace(weight_bits=bits, decisions=listed))


def test_candidates_are_uniform_bits_and_the_way_to_the_best() -> None:
    best = turn(
        {"a": 8, "b": 2, "c": 4},
        ("b", 8, 4, True),
        ("a", 8, 4, False),
        ("c", 8, 4, True),
        ("b", 4, 2, True),
    )
    found = candidates([best], best, 10)
    assert found == (
        {"a": 8, "b": 8, "c": 8},
        {"a": 4, "b": 4, "c": 4},
        {"a": 2, "b": 2, "c": 2},
        {"a": 8, "b": 4, "c": 4},
        {"a": 8, "b": 4, "c": 8},
    )
    assert candidates([best], best, 2) == found[:2]
    assert candidates([best, turn({"a": 8, "b": 8, "c": 8})], best, 10) == found[1:]
