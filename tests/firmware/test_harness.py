"""Which harness a project is built with."""

from __future__ import annotations

import pytest

from sqtvm.errors import SqtvmError
from sqtvm.firmware.boards import load_board
from sqtvm.firmware.harness import Harness, mlperf_tiny


@pytest.mark.parametrize(
    ("shape", "model"),
    [
        ((1, 32, 32, 3), "ic01"),
        ((1, 96, 96, 3), "vww01"),
        ((1, 49, 10, 1), "kws01"),
        ((1, 640), "ad01"),
    ],
)
def test_the_inputs_say_the_benchmark(shape: tuple[int, ...], model: str) -> None:
    harness = mlperf_tiny(None, "performance", shape)
    assert harness == Harness("mlperf-tiny", model, "performance")
    assert f"-DSQTVM_MLPERF_MODEL={model}" in harness.definitions()


def test_a_name_wins_over_the_inputs() -> None:
    assert mlperf_tiny("kws01", "energy", (1, 640)) == Harness("mlperf-tiny", "kws01", "energy")


def test_other_inputs_need_a_name() -> None:
    with pytest.raises(SqtvmError, match="takes inputs of 28 x 28 x 1") as caught:
        mlperf_tiny(None, "performance", (1, 28, 28, 1))
    assert "--mlperf-model ic01" in caught.value.hint


def test_an_unknown_benchmark_is_an_error() -> None:
    with pytest.raises(SqtvmError, match="'ic99' is no benchmark"):
        mlperf_tiny("ic99", "performance", (1, 640))


def test_energy_needs_a_pin() -> None:
    energy = Harness("mlperf-tiny", "ic01", "energy")
    energy.require_pin(load_board("nrf52840"))
    Harness("mlperf-tiny", "ic01").require_pin(load_board("mps2-an386"))
    with pytest.raises(SqtvmError, match="mps2-an386's board file names none") as caught:
        energy.require_pin(load_board("mps2-an386"))
    assert "timestamp" in caught.value.hint


def test_each_harness_has_its_own_folder() -> None:
    harnesses = [Harness(), *(Harness("mlperf-tiny", "ic01", m) for m in ("performance", "energy"))]
    assert len({harness.suffix for harness in harnesses}) == 3
