"""Segments and profiles put together to layers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sqtvm.errors import MeasurementError
from sqtvm.measure import cycles, inference, layers
from sqtvm.measure.counting import THUMB_MARKERS, InferenceCounts
from sqtvm.measure.emulator import Machine
from sqtvm.measure.measurement import LayerMeasurement
from sqtvm.measure.messages import ProfileEntry
from sqtvm.measure.target import Target

from .faulty_line import FaultyLine

NAMES = ("conv", "flatten", "linear", "softmax")
HASH = bytes(range(32)).hex()


def test_inferences_on_the_emulator_become_layers(emulated_firmware: tuple[str, Path]) -> None:
    name, elf = emulated_firmware
    progress: list[tuple[int, int]] = []
    found = inference.on_emulator(
        Machine("qemu-system-arm", name),
        elf,
        THUMB_MARKERS,
        HASH,
        np.ones((3, 10, 60), np.int8),
        lambda done, total: progress.append((done, total)),
    )
    assert progress == [(1, 3), (2, 3), (3, 3)]
    np.testing.assert_array_equal(
        found.outputs, np.tile((600 + np.arange(10)).astype(np.int8), (3, 1))
    )
    assert found.counts is not None
    model = cycles.model_for("cortex-m4")
    measured, whole = layers.counted_layers(found.counts, found.profiles[0], NAMES, elf, model)
    assert [(layer.name, layer.instructions) for layer in measured] == [
        ("conv", 3005),
        ("flatten", 0),
        ("linear", 7),
        ("softmax", 14 + 2),
    ]
    estimated = [layer.est_cycles for layer in measured]
    assert estimated == [5 + 3000 + 2 * 999, 0, 14, 5 + 9 + 2 * 2 + 2]
    assert whole > sum(cycle for cycle in estimated if cycle is not None)


def test_inferences_on_a_board_have_its_cycles(host_firmware: Path) -> None:
    x = np.zeros((2, 1500), np.int8)
    with FaultyLine(host_firmware) as line:
        found = inference.on_board(Target("serial", line.address), HASH, x)
    assert found.counts is None
    assert [result.cycles for result in found.results] == [123456, 123456]
    assert [len(profile) for profile in found.profiles] == [100, 100]


def test_layers_of_a_board_are_medians() -> None:
    profiles = [
        (ProfileEntry(0, 10), ProfileEntry(2, 1), ProfileEntry(2, cycles)) for cycles in (5, 9, 6)
    ]
    assert layers.measured_layers(profiles, NAMES[:3]) == (
        LayerMeasurement("conv", None, None, 10),
        LayerMeasurement("flatten", None, None, 0),
        LayerMeasurement("linear", None, None, 7),
    )


def test_firmware_without_a_profile_has_no_layers() -> None:
    assert layers.measured_layers([(), ()], NAMES) == ()


def test_a_layer_that_the_network_has_not_is_an_error() -> None:
    with pytest.raises(MeasurementError, match="layer 4 of a network of 4"):
        layers.measured_layers([(ProfileEntry(4, 1),)], NAMES)


def test_a_profile_that_does_not_fit_the_counts_is_an_error() -> None:
    counts = InferenceCounts((), 2)
    with pytest.raises(MeasurementError, match="counted 2 layers, the firmware reported 1"):
        layers.counted_layers(
            counts, [ProfileEntry(0, 1)], NAMES, Path("x"), cycles.model_for("cortex-m7")
        )


def test_no_sample_is_an_error(host_firmware: Path) -> None:
    with (
        FaultyLine(host_firmware) as line,
        pytest.raises(MeasurementError, match="no sample"),
    ):
        inference.on_board(Target("serial", line.address), None, np.zeros((0, 1500), np.int8))
