"""The very images that would be flashed, on virtual boards: clock, line, faults, bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile

from sqtvm.firmware.boards import Board, load_board
from sqtvm.firmware.build import build
from sqtvm.firmware.project import generate
from sqtvm.measure.session import Session
from tests.firmware import reference_network
from tests.firmware.conftest import Builder
from tests.firmware.fake_archive import expected
from tests.firmware.virtual import system_control as scs
from tests.firmware.virtual.board import (
    STM32F446_NUCLEO,
    STM32F746_DISCOVERY,
    STM32F746_NUCLEO,
    VirtualBoard,
)
from tests.firmware.virtual.bus import HardwareRuleError

PARTS = {"stm32f746": STM32F746_DISCOVERY, "stm32f446": STM32F446_NUCLEO}
# A part once more, on another board.
ALL_PARTS = PARTS | {"stm32f746-nucleo": STM32F746_NUCLEO}
FULL_CLOCK = {
    "stm32f746": (216_000_000, 7, 54_000_000, 108_000_000),
    "stm32f746-nucleo": (216_000_000, 7, 54_000_000, 108_000_000),
    "stm32f446": (180_000_000, 5, 45_000_000, 90_000_000),
}
X = np.array([1, 2, 3, 4, 5, 6], np.int8)


def virtual(name: str, builder: Builder, hse_starts: bool = True) -> VirtualBoard:
    image = builder.firmware(name, "board").elf.with_suffix(".hex")
    return VirtualBoard(ALL_PARTS[name], image, hse_starts)


@pytest.mark.parametrize("name", ALL_PARTS)
def test_the_flashed_image_reaches_full_clock_and_answers(name: str, builder: Builder) -> None:
    board = virtual(name, builder)
    with Session(board, timeout=60) as session:
        assert session.identify().board == name
        assert session.identify().clock_hz == board.clock.core_hz
        buses = (board.clock.apb1_hz, board.clock.apb2_hz)
        assert (board.clock.core_hz, board.flash.wait_states, *buses) == FULL_CLOCK[name]
        assert board.power.over_drive
        y, result = session.infer(X)
        np.testing.assert_array_equal(y, expected(X))
        assert 0 < result.cycles < 10_000
        assert 64 < result.stack_bytes < 1024
        profile = session.read_profile()
        assert [entry.layer for entry in profile] == [0, 1]
        assert 0 < sum(entry.cycles for entry in profile) < result.cycles
        session.reset()
        assert board.core.resets == 2
        np.testing.assert_array_equal(session.infer(X)[0], expected(X))
    assert board.usart.overruns == 0


def test_the_stm32f746s_accelerator_caches_and_fpu_are_on(builder: Builder) -> None:
    board = virtual("stm32f746", builder)
    with Session(board, timeout=60) as session:
        session.identify()
    prefetch, accelerator = 1 << 8, 1 << 9
    assert board.flash.registers[0] & (prefetch | accelerator) == prefetch | accelerator
    system = board.core.system.registers
    assert system[scs.CCR] & (scs.CCR_IC | scs.CCR_DC) == scs.CCR_IC | scs.CCR_DC
    assert system[scs.CPACR] >> 20 & 15 == 15
    assert system[scs.VTOR] == 0x0800_0000


@pytest.mark.parametrize("name", PARTS)
def test_without_its_oscillator_it_runs_from_the_internal_one(name: str, builder: Builder) -> None:
    board = virtual(name, builder, hse_starts=False)
    with Session(board, timeout=60) as session:
        session.identify()
        assert board.clock.core_hz == FULL_CLOCK[name][0]
        assert not board.clock.registers[4] >> 22 & 1


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize(
    ("first", "told"),
    [(127, "cfsr 00010000"), (126, "stack pointer 1fff")],
    ids=["undefined", "stack"],
)
def test_a_fault_is_reported_and_the_core_restarts(
    name: str, first: int, told: str, builder: Builder
) -> None:
    board = virtual(name, builder)
    with Session(board, timeout=60) as session:
        session.write_input(np.array([first, 0, 0, 0, 0, 0], np.int8))
        board.usart.sent.clear()
        with pytest.raises(Exception, match="refused 'run': no input"):
            session.run()
        assert board.core.resets == 2
        assert told in session._exchange.fault()
        np.testing.assert_array_equal(session.infer(X)[0], expected(X))


def test_a_fault_before_the_line_is_there_restarts_the_core(archive: Path, tmp_path: Path) -> None:
    """Who waited for the USART then would wait for ever."""
    project = generate(archive, load_board("stm32f446"), tmp_path / "firmware")
    source = project.path / "src" / "clock_stm32f4.c"
    begin = "void clock_init(void)\n{\n"
    assert begin in source.read_text()
    source.write_text(source.read_text().replace(begin, begin + '__asm volatile("udf #0");\n'))
    board = VirtualBoard(STM32F446_NUCLEO, build(project, "board").elf.with_suffix(".hex"))
    with pytest.raises(HardwareRuleError, match="restarts again and again"):
        board.read(1)


@pytest.mark.parametrize("name", PARTS)
def test_reference_bytes_of_a_network_with_every_operator(name: str, tmp_path: Path) -> None:
    target = load_board(name)
    reference = reference_network.compiled(target.tvm_target, tmp_path / "model.tar")
    project = generate(reference.archive, target, tmp_path / "firmware")
    image = build(project, "board").elf.with_suffix(".hex")
    with Session(VirtualBoard(PARTS[name], image), timeout=60) as session:
        for x, y in zip(reference.inputs, reference.outputs, strict=True):
            np.testing.assert_array_equal(session.infer(x)[0], y.ravel())


# A statement of clock_init, the one that it is moved behind, and the rule that this breaks.
WRONG_ORDERS = {
    "over-drive late": ("enable_over_drive", "rcc_switch_to_pll", "{hz} Hz, over-drive is off"),
    "wait states late": ("set_wait_states", "rcc_switch_to_pll", "{hz} Hz with 0 wait states"),
    "prescalers late": ("rcc_set_prescalers", "rcc_switch_to_pll", "APB1 is at {hz} Hz"),
    "power's clock late": (
        "rcc_enable_power_control",
        "set_voltage_scale_1",
        "PWR is accessed while its clock is off",
    ),
}


@pytest.mark.parametrize("order", WRONG_ORDERS)
@pytest.mark.parametrize("name", PARTS)
def test_a_wrong_order_is_caught(name: str, order: str, archive: Path, tmp_path: Path) -> None:
    moved, behind, rule = WRONG_ORDERS[order]
    project = generate(archive, load_board(name), tmp_path / "firmware")
    source = project.path / "src" / f"clock_stm32{name[5:7]}.c"
    text = source.read_text()
    head, _, body = text.partition("void clock_init(void)")
    assert f"    {moved}();\n" in body
    body = body.replace(f"    {moved}();\n", "")
    body = body.replace(f"    {behind}();\n", f"    {behind}();\n    {moved}();\n")
    source.write_text(f"{head}void clock_init(void){body}")
    board = VirtualBoard(PARTS[name], build(project, "board").elf.with_suffix(".hex"))
    with pytest.raises(HardwareRuleError, match=rule.format(hz=FULL_CLOCK[name][0])):
        board.read(1)


@pytest.mark.parametrize(
    ("right", "wrong", "rule"),
    [
        ("REGISTER(BOARD_UART_BASE + 0x0Cu)", "REGISTER(BOARD_UART_BASE + 0x3Cu)", "no register"),
        ("BOARD_UART_CLOCK_HZ +", "BOARD_UART_CLOCK_HZ / 2u +", "230277 baud, not 115200"),
        ("(void)RCC_ENR;", "", "accessed at once after its clock was switched on"),
        ("BOARD_UART_TX_FUNCTION);", "3u);", "the pin that sends is not given to it"),
    ],
    ids=["no such register", "baud rate", "no wait for the clock", "alternate function"],
)
def test_a_wrong_driver_of_the_line_is_caught(
    right: str, wrong: str, rule: str, archive: Path, tmp_path: Path
) -> None:
    project = generate(archive, load_board("stm32f746"), tmp_path / "firmware")
    source = project.path / "src" / "uart_stm32_usart_v2.c"
    assert right in source.read_text()
    source.write_text(source.read_text().replace(right, wrong, 1))
    board = VirtualBoard(STM32F746_DISCOVERY, build(project, "board").elf.with_suffix(".hex"))
    with pytest.raises(HardwareRuleError, match=rule), Session(board, timeout=60) as session:
        session.identify()


@pytest.mark.parametrize("name", PARTS)
def test_cycles_are_counted_on_past_32_bits(name: str, builder: Builder) -> None:
    board = virtual(name, builder)
    with Session(board, timeout=60) as session:
        session.identify()
        # The interrupt comes every 2^24 cycles, and sees the counter wrap.
        while board.core.time.cycles < 3 << 31:
            board.read(1)
        assert 250 < board.core.ticks < 400
        y, result = session.infer(X)
    np.testing.assert_array_equal(y, expected(X))
    assert 0 < result.cycles < 10_000
    firmware = builder.firmware(name, "board")
    with firmware.elf.open("rb") as file:
        symbols = ELFFile(file).get_section_by_name(".symtab")
        (wraps,) = symbols.get_symbol_by_name("wraps")
    assert board.core.read_memory(wraps["st_value"], 4) == (1).to_bytes(4, "little")


@pytest.mark.parametrize("name", PARTS)
def test_memory_is_protected(name: str, builder: Builder) -> None:
    board = virtual(name, builder)
    with Session(board, timeout=60) as session:
        session.identify()
    system = board.core.system
    enable, background_map = 1, 4
    assert system.registers[scs.MPU_CTRL] == enable | background_map
    never_execute, size_256, size_512m = 1 << 28, 7 << 1, 28 << 1
    stack = load_board(name).region("dtcm" if name == "stm32f746" else "sram").origin
    assert {number: region for number, region in system.mpu_regions.items() if region[1]} == {
        0: (stack, never_execute | size_256 | enable),
        1: (0x6000_0000, never_execute | size_512m | enable),
        2: (0x8000_0000, never_execute | size_512m | enable),
    }


@pytest.mark.parametrize("baud", [115200, 921600])
@pytest.mark.parametrize("name", PARTS)
def test_no_byte_is_lost_at_any_rate(name: str, baud: int, archive: Path, tmp_path: Path) -> None:
    described = load_board(name)
    uart = {**described.uart.model_dump(), "baud": baud}
    fast = Board.model_validate({**described.model_dump(), "uart": uart})
    firmware = build(generate(archive, fast, tmp_path / "firmware"), "board")
    board = VirtualBoard(PARTS[name], firmware.elf.with_suffix(".hex"), baud=baud)
    with Session(board, timeout=60) as session:
        np.testing.assert_array_equal(session.infer(X)[0], expected(X))
        # Frames of every length, back to back with what does not belong to any.
        for length in (1, 200, 1024):
            board.write(b"\xa5" * length)
            np.testing.assert_array_equal(session.infer(X)[0], expected(X))
    assert board.usart.overruns == 0
