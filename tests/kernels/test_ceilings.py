"""Executed instructions of whole networks may fall, not rise: exact counts in the emulator."""

from __future__ import annotations

import pytest

from benchmarks.kernels.run import measured
from benchmarks.networks import networks

NETWORKS = networks()


@pytest.mark.parametrize(
    ("name", "bits", "ceiling"),
    [
        ("ResNet-8", 8, 13_884_000),
        ("ResNet-8", 4, 14_305_000),
        ("ResNet-8", 2, 13_952_000),
        ("DS-CNN", 8, 3_331_000),
        ("autoencoder", 4, 333_000),
    ],
)
def test_instructions_stay_below(name: str, bits: int, ceiling: int) -> None:
    graph, shape = NETWORKS[name]
    instructions = measured(name, graph, shape, bits, "mps2-an500").measurement.instructions
    assert instructions is not None
    assert instructions <= ceiling
