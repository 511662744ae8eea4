"""The images of the STM32L476, STM32H743 and nRF52840 that would be flashed, on virtual boards: to
full clock in the manuals' order, then over the line to the right bytes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest

from sqtvm.firmware.boards import load_board
from sqtvm.firmware.build import build
from sqtvm.firmware.project import generate
from sqtvm.measure.session import Session
from tests.firmware.conftest import Builder
from tests.firmware.fake_archive import expected
from tests.firmware.virtual.board import Part
from tests.firmware.virtual.bus import HardwareRuleError
from tests.firmware.virtual.more_boards import (
    STM32H743_NUCLEO,
    STM32L476_NUCLEO,
    VirtualStm32H7,
    VirtualStm32L4,
)
from tests.firmware.virtual.nrf52840 import HZ, Clock, Port, VirtualNrf52840

Virtual: TypeAlias = VirtualStm32L4 | VirtualStm32H7
BOARDS: Mapping[str, tuple[type[Virtual], Part]] = {
    "stm32l476": (VirtualStm32L4, STM32L476_NUCLEO),
    "stm32h743": (VirtualStm32H7, STM32H743_NUCLEO),
}
# Core, flash wait states, APB1.
FULL_CLOCK = {"stm32l476": (80_000_000, 4, 80_000_000), "stm32h743": (480_000_000, 4, 120_000_000)}
X = np.array([1, 2, 3, 4, 5, 6], np.int8)


def virtual(name: str, image: Path, hse_starts: bool = True) -> Virtual:
    kind, part = BOARDS[name]
    return kind(part, image.with_suffix(".hex"), hse_starts)


@pytest.mark.parametrize("hse_starts", [True, False], ids=["external", "internal"])
@pytest.mark.parametrize("name", BOARDS)
def test_the_flashed_image_reaches_full_clock_and_answers(
    name: str, hse_starts: bool, builder: Builder
) -> None:
    board = virtual(name, builder.firmware(name, "board").elf, hse_starts)
    with Session(board, timeout=60) as session:
        assert session.identify().clock_hz == board.clock.core_hz
        apb1_hz = board.clock.bus_hz(BOARDS[name][1].usart_enable[0])
        assert (board.clock.core_hz, board.flash.wait_states, apb1_hz) == FULL_CLOCK[name]
        y, result = session.infer(X)
        np.testing.assert_array_equal(y, expected(X))
        assert 0 < result.cycles < 10_000
        session.reset()
        np.testing.assert_array_equal(session.infer(X)[0], expected(X))
    assert board.core.resets == 2
    assert board.usart.overruns == 0


# A statement of clock_init, the one that it is moved behind, and the rule that this breaks.
WRONG_ORDERS: Mapping[str, tuple[str, str, str, str]] = {
    "wait states late": ("stm32l476", "set_wait_states", "switch_to_pll", "80000000 Hz with 0"),
    "supply late": (
        "stm32h743",
        "set_supply",
        "set_voltage_scale_0",
        "before the supply is chosen",
    ),
    "scale late": ("stm32h743", "set_voltage_scale_0", "switch_to_pll", "lower voltage scale"),
    "prescalers late": ("stm32h743", "set_prescalers", "switch_to_pll", "480000000 Hz with 4 wait"),
    "no over-drive": (
        "stm32h743",
        "set_bits(&SYSCFG_PWRCR, SYSCFG_PWRCR_ODEN)",
        "",
        "480000000 Hz",
    ),
    "range 2": ("stm32l476", "PWR_CR1_VOS, PWR_CR1_VOS_RANGE_1", "PWR_CR1_VOS, 2u << 9", "range 2"),
}


# Each builds anew: one of each family is enough for every day.
SLOW = [pytest.param(order, marks=pytest.mark.slow) for order in list(WRONG_ORDERS)[2:]]


@pytest.mark.parametrize("order", [*list(WRONG_ORDERS)[:2], *SLOW])
def test_a_wrong_order_is_caught(order: str, archive: Path, tmp_path: Path) -> None:
    name, moved, behind, rule = WRONG_ORDERS[order]
    project = generate(archive, load_board(name), tmp_path / "firmware")
    source = project.path / "src" / f"clock_stm32{name[5:7]}.c"
    text = source.read_text()
    head, _, body = text.partition("void clock_init(void)")
    if f"    {moved}();\n" in body:
        body = body.replace(f"    {moved}();\n", "")
        body = body.replace(f"    {behind}();\n", f"    {behind}();\n    {moved}();\n")
    else:
        assert moved in head
        head = head.replace(moved, behind)
    source.write_text(f"{head}void clock_init(void){body}")
    with pytest.raises(HardwareRuleError, match=rule):
        virtual(name, build(project, "board").elf).read(1)


@pytest.mark.parametrize("crystal", [True, False], ids=["crystal", "internal"])
def test_the_nrf52840s_image_answers(crystal: bool, builder: Builder) -> None:
    board = VirtualNrf52840(builder.firmware("nrf52840", "board").elf.with_suffix(".hex"), crystal)
    with Session(board, timeout=60) as session:
        assert session.identify().clock_hz == HZ
        assert board.clock.on_crystal == crystal
        assert board.cache.registers[0x540] == 1
        y, result = session.infer(X)
        np.testing.assert_array_equal(y, expected(X))
        assert 0 < result.cycles < 10_000
        # The trigger's pin, P1.08, is an output, and low again.
        assert board.ports[1].configuration(8) & 1 == 1
        assert board.ports[1].registers[Port.OUT] == 0
        session.reset()
        np.testing.assert_array_equal(session.infer(X)[0], expected(X))
    assert board.core.resets == 2
    assert board.usart.overruns == 0


@pytest.mark.parametrize(
    ("revision", "approtect", "port"),
    [(5, 0x5A, 0x5A), (5, 0xFFFFFFFF, 0xFFFFFFFF), (4, 0xFFFFFFFF, 0)],
    ids=["open", "closed", "older chip"],
)
def test_the_nrf52840s_debug_port_is_as_configured(
    revision: int, approtect: int, port: int, builder: Builder
) -> None:
    """Else the board could only be flashed again after everything was erased."""
    image = builder.firmware("nrf52840", "board").elf.with_suffix(".hex")
    board = VirtualNrf52840(image, revision=revision, approtect=approtect)
    with Session(board, timeout=60) as session:
        session.identify()
    assert board.clock.registers[Clock.DISABLE] == port
