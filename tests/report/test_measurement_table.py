"""What ``sqtvm run`` shows of a measurement on a board and in the emulator."""

from __future__ import annotations

import json
from dataclasses import replace
from io import StringIO

import numpy as np
from rich.console import Console, RenderableType

from sqtvm.firmware.memory_use import MemoryUse
from sqtvm.measure.measurement import Energy, LayerMeasurement, Measurement, Repeatability
from sqtvm.report.measurement_table import measurement_table, measurement_values

EMULATED = Measurement(
    target="emulator",
    layers=(LayerMeasurement("conv", 900, 1800.0, None, 0.018, {"load": 400, "mac": 500}),),
    instructions=1000,
    est_cycles=2000.0,
    cycle_model="some-core v3",
    measured_cycles=None,
    ms=0.02,
    ms_source="emulated",
    memory=MemoryUse(4096, 2048, 12, 1024, 100, 76),
    outputs=np.zeros((4, 3), np.int8),
    est_cycles_range=(1500.0, 3000.0),
    energy=Energy(6.5, "modelled", "100 mA at 3.3 V"),
)
BOARD = replace(
    EMULATED,
    target="serial:COM3",
    layers=(
        LayerMeasurement("conv", None, None, 1700, 0.017, {}, Repeatability(15, 1690, 1700, 1720)),
    ),
    instructions=None,
    est_cycles=None,
    est_cycles_range=None,
    cycle_model=None,
    measured_cycles=2100,
    ms=0.021,
    ms_source="measured",
    repeatability=Repeatability(100, 2090, 2100, 2222),
    energy=Energy(5.25, "measured", "ppk2:COM4, median of 100 inferences"),
)


def shown(content: RenderableType) -> list[list[str]]:
    console = Console(width=120, file=StringIO())
    with console.capture() as capture:
        console.print(content)
    return [line.split() for line in capture.get().splitlines()]


def test_the_emulators_figures_have_their_model_and_range() -> None:
    lines = shown(measurement_table(EMULATED, 0.75))
    assert ["conv", "900", "1,800", "0.018"] in lines
    assert ["whole", "inference", "1,000", "2,000", "0.020"] in lines
    words = {line[0]: " ".join(line[1:]) for line in lines if line}
    assert words["time"] == "0.020 ms emulated, some-core v3: 0.015 to 0.03 ms by its range"
    assert words["flash"] == "6.0 KiB weights 4.0 KiB, code 2.0 KiB, other 12 B"
    assert words["RAM"] == "1.2 KiB workspace 1.0 KiB, static 100 B, stack 76 B"
    assert words["energy"] == "6.5 mJ modelled: 100 mA at 3.3 V"
    assert words["accuracy"] == "75.00 % of 4 samples, on the target"


def test_a_boards_figures_have_their_spread() -> None:
    lines = shown(measurement_table(BOARD, None))
    assert ["conv", "1,700", "1,690", "1,720", "0.017"] in lines
    assert ["whole", "inference", "2,100", "2,090", "2,222", "0.021"] in lines
    words = {line[0]: " ".join(line[1:]) for line in lines if line}
    assert words["time"] == "0.021 ms measured, the median of 100 runs: 2,090 to 2,222 cycles"
    assert words["energy"].startswith("5.25 mJ measured: ppk2:COM4")
    assert "accuracy" not in words


def test_programs_get_every_figure() -> None:
    emulated, board = (
        json.loads(json.dumps(measurement_values(each, None))) for each in (EMULATED, BOARD)
    )
    assert emulated["memory"]["flash_weights"] == 4096
    assert emulated["memory"]["ram_stack"] == 76
    assert emulated["est_cycles_range"] == [1500, 3000]
    assert emulated["layers"][0]["by_class"] == {"load": 400, "mac": 500}
    assert board["repeatability"] == {
        "runs": 100,
        "minimum": 2090,
        "median": 2100,
        "maximum": 2222,
    }
    assert board["layers"][0]["repeatability"]["runs"] == 15
    assert board["energy"] == {
        "mj": 5.25,
        "source": "measured",
        "detail": "ppk2:COM4, median of 100 inferences",
    }
