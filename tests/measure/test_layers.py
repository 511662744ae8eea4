"""Segments and profiles put together to layers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sqtvm.errors import MeasurementError
from sqtvm.firmware.boards import load_board
from sqtvm.measure import cycles, inference, layers
from sqtvm.measure.counting import THUMB_MARKERS, InferenceCounts
from sqtvm.measure.disassembly import disassemble
from sqtvm.measure.emulator import Machine
from sqtvm.measure.measurement import Repeatability
from sqtvm.measure.messages import ProfileEntry
from sqtvm.measure.target import Target

from .faulty_line import FaultyLine

NAMES = ("conv", "flatten", "linear", "softmax")
BOARD = load_board("stm32f746")
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
    instructions = disassemble(elf, frozenset(count.address for count in found.counts.counts))
    measured = [
        layers.counted_layer(layer, instructions, model, 0, 100_000)
        for layer in layers.by_layer(found.counts, found.profiles[0], NAMES)
    ]
    assert [(layer.name, layer.instructions) for layer in measured] == [
        ("conv", 3005),
        ("flatten", 0),
        ("linear", 7),
        ("softmax", 14 + 2),
    ]
    estimated = [layer.est_cycles for layer in measured]
    assert estimated == [5 + 3000 + 2 * 999, 0, 14, 5 + 9 + 2 * 2 + 2]
    assert [layer.ms for layer in measured] == [each / 100 for each in estimated]
    whole = cycles.estimate(model, found.counts.counts, instructions).likely
    assert whole > sum(cycle for cycle in estimated if cycle is not None)
    assert measured[2].by_class == {"load": 2, "store": 1, "mac": 2, "alu": 2, "branch": 0}


def test_inferences_on_a_board_have_its_cycles(host_firmware: Path) -> None:
    x = np.zeros((2, 1500), np.int8)
    with FaultyLine(host_firmware) as line:
        found = inference.on_board(Target("serial", line.address), BOARD, Path("x.elf"), HASH, x)
    assert found.counts is None
    assert [result.cycles for result in found.results] == [123456, 123456]
    assert [len(profile) for profile in found.profiles] == [100, 100]


def test_layers_of_a_board_are_medians() -> None:
    profiles = [
        (ProfileEntry(0, 10), ProfileEntry(2, 1), ProfileEntry(2, cycles)) for cycles in (5, 9, 6)
    ]
    found = layers.measured_layers(profiles, NAMES[:3], 1000)
    assert [(layer.name, layer.measured_cycles, layer.ms) for layer in found] == [
        ("conv", 10, 10.0),
        ("flatten", 0, 0.0),
        ("linear", 7, 7.0),
    ]
    assert found[2].repeatability == Repeatability(runs=3, minimum=6, median=7, maximum=10)


def test_firmware_without_a_profile_has_no_layers() -> None:
    assert layers.measured_layers([(), ()], NAMES, 1000) == ()


def test_a_layer_that_the_network_has_not_is_an_error() -> None:
    with pytest.raises(MeasurementError, match="layer 4 of a network of 4"):
        layers.measured_layers([(ProfileEntry(4, 1),)], NAMES, 1000)


def test_a_profile_that_does_not_fit_the_counts_is_an_error() -> None:
    counts = InferenceCounts((), 2)
    with pytest.raises(MeasurementError, match="counted 2 layers, the firmware reported 1"):
        layers.by_layer(counts, [ProfileEntry(0, 1)], NAMES)


def test_no_sample_is_an_error(host_firmware: Path) -> None:
    with (
        FaultyLine(host_firmware) as line,
        pytest.raises(MeasurementError, match="no sample"),
    ):
        inference.on_board(
            Target("serial", line.address), BOARD, Path("x.elf"), None, np.zeros((0, 1500), np.int8)
        )
