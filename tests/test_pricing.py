"""What the store keeps of a measurement comes back, whatever the target was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sqtvm.firmware.boards import load_board
from sqtvm.firmware.memory_use import MemoryUse
from sqtvm.measure.energy import modelled_energy
from sqtvm.measure.measurement import LayerMeasurement, Measurement, Repeatability
from sqtvm.measure.store import CostKey, CostStore
from sqtvm.measure.target import Target
from sqtvm.pricing import cost_row, measurement_of

KEY = CostKey("kernel", "gcc 12.2", "-O3", "stm32f746", "2 layers", 0, "cortex-m7 v2 abcd")
BOARD = load_board("stm32f746")


def emulated() -> Measurement:
    by_class = {"load": 30, "store": 10, "mac": 40, "alu": 15, "branch": 5}
    layer = LayerMeasurement("conv", 100, 90.5, None, ms=0.0004, by_class=by_class, mj=0.13)
    return Measurement(
        target="emulator",
        layers=(layer, replace(layer, name="fc", by_class={})),
        instructions=210,
        est_cycles=190.25,
        est_cycles_range=(170.0, 220.0),
        cycle_model="cortex-m7 v2",
        measured_cycles=None,
        ms=0.0009,
        ms_source="emulated",
        memory=MemoryUse(1, 2, 3, 4, 5, 6),
        outputs=np.zeros((0, 0), np.int8),
        energy=modelled_energy(BOARD, 0.0009),
    )


def measured() -> Measurement:
    spread = Repeatability(15, 88, 90, 95)
    layer = LayerMeasurement("conv", None, None, 90, ms=0.0004, repeatability=spread)
    return replace(
        emulated(),
        target="serial:/dev/ttyACM0",
        layers=(layer,),
        instructions=None,
        est_cycles=None,
        est_cycles_range=None,
        cycle_model=None,
        measured_cycles=200,
        ms_source="measured",
        repeatability=Repeatability(100, 190, 200, 230),
    )


@pytest.mark.parametrize("kept", [emulated(), measured()], ids=["emulated", "measured"])
def test_a_measurement_comes_back_whole(kept: Measurement, tmp_path: Path) -> None:
    kind = "emulator" if kept.target == "emulator" else "serial"
    target = Target(kind, "" if kind == "emulator" else "/dev/ttyACM0")
    workshop: Any = SimpleNamespace(model=SimpleNamespace(name="net"), board=BOARD, target=target)
    store = CostStore(tmp_path / "costs.sqlite")
    store.put([cost_row(workshop, KEY, kept)])
    (row,) = store.rows()
    back = measurement_of(workshop, row)
    assert back.outputs.size == 0
    # Arrays do not compare as one.
    assert vars(replace(back, outputs=kept.outputs)) == vars(kept)
