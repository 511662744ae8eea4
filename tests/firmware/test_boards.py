"""Board files: the ones that come with sqtvm, and what is said of wrong ones."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from pydantic import ValidationError

from sqtvm.errors import BoardError
from sqtvm.firmware.board_tables import Uart
from sqtvm.firmware.boards import Board, board_names, load_board
from sqtvm.firmware.resources import boards_directory


def test_all_boards_are_there() -> None:
    boards = {"stm32f746", "stm32f746-nucleo", "stm32f446", "stm32h743", "stm32l476"}
    boards |= {"nrf52840", "rp2040", "rp2350"}
    machines = {"mps2-an385", "mps2-an386", "mps2-an500", "mps2-an505", "mps3-an547"}
    assert set(board_names()) == boards | machines | {"riscv32-virt"}


@pytest.mark.parametrize("name", board_names())
def test_a_board_file_is_valid_and_named_as_its_file(name: str) -> None:
    board = load_board(name)
    assert board.name == name
    core = board.compiler.mcpu or board.compiler.march
    assert f"={core}" in board.tvm_target


@pytest.mark.parametrize("name", board_names())
def test_the_compiler_takes_the_kernels_that_the_board_file_names(name: str) -> None:
    compiler = load_board(name).compiler
    defined = subprocess.run(
        [f"{compiler.prefix}gcc", *compiler.flags, "-dM", "-E", "-x", "c", "/dev/null"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    kernels = "portable"
    if "__ARM_FEATURE_MVE" in defined:
        kernels = "helium"
    elif "__ARM_FEATURE_DSP 1" in defined:
        kernels = "dsp"
    assert load_board(name).kernels == kernels


@pytest.mark.parametrize("baud", [115200, 230400, 460800, 921600])
@pytest.mark.parametrize("name", sorted(set(board_names()) - {"riscv32-virt"}))
def test_every_rate_up_to_921600_can_be_spoken(name: str, baud: int) -> None:
    uart = load_board(name).uart
    assert Uart.model_validate({**uart.model_dump(), "baud": baud}).baud == baud


def test_figures_of_the_stm32f746() -> None:
    board = load_board("stm32f746")
    assert (board.clock_hz, board.flash_bytes) == (216_000_000, 1024 * 1024)
    assert board.ram_bytes == (64 + 240 + 16) * 1024
    assert board.region("dtcm").origin == 0x2000_0000
    assert (board.clock.wait_states, board.uart.rx and board.uart.rx.pin) == (7, "PB7")


def test_the_stm32f746s_two_boards_are_one_chip() -> None:
    discovery, nucleo = load_board("stm32f746"), load_board("stm32f746-nucleo")
    wiring = {"name", "description", "clock", "uart", "timestamp", "zephyr_board", "flash_tools"}
    same = set(Board.model_fields) - wiring - {"sources"}
    assert discovery.model_dump(include=same) == nucleo.model_dump(include=same)
    assert (nucleo.clock.oscillator_hz, nucleo.clock.bypass) == (8_000_000, True)
    pins = [pin and pin.pin for pin in (nucleo.uart.tx, nucleo.uart.rx, nucleo.timestamp)]
    assert pins == ["PD8", "PD9", "PF13"]


@pytest.mark.parametrize("name", board_names())
def test_every_board_that_has_pins_has_one_for_energy_monitors(name: str) -> None:
    board = load_board(name)
    assert (board.timestamp is None) == (board.uart.pin_family is None)


def test_a_board_is_a_value_that_cannot_be_changed() -> None:
    board = load_board("stm32f446")
    with pytest.raises(ValidationError):
        board.clock_hz = 1  # type: ignore[misc]
    assert Board.model_validate(board.model_dump()) == board


def test_a_board_from_a_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    text = (boards_directory() / "stm32f446.toml").read_text()
    path.write_text(text.replace('name = "stm32f446"', 'name = "mine"', 1))
    assert load_board(path).name == "mine"
    assert load_board(str(path)) == load_board(path)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(BoardError, match="there is no board 'stm32f747'") as caught:
        load_board("stm32f747")
    assert "stm32f746" in caught.value.hint


WRONG = {
    "clock_hz = 216_000_000": ("clock_hz = -1", "clock_hz: input should be greater than 0"),
    'core = "cortex-m7"': ('core = "cortex-a7"', "core: input should be 'cortex-m0plus'"),
    'kernels = "dsp"\n': ("", "the key 'kernels' is missing"),
    "stack_bytes = 4096": ("stack_bytes = 4096\ncolour = 1", "there is no key 'colour'"),
    "origin = 0x2001_0000": ("origin = 0x2000_8000", "the memories dtcm and sram overlap"),
    'weights = "flash"': ('weights = "dtcm"', "placement names 'dtcm', which is no memory of"),
    'stack = ["dtcm", "sram"]': ('stack = ["ccm"]', "placement names 'ccm'"),
    "vco_hz = 432_000_000": ("vco_hz = 430_000_000", "the PLL gives 215000000 Hz"),
    "clock_hz = 108_000_000": ("clock_hz = 54_000_000", "uart.clock_hz is not clock_hz divided"),
    'tx = { pin = "PA9"': ('tx = { pin = "A9"', "uart.tx.pin: string should match pattern"),
    "baud = 115200": ("baud = 9_000_000", "uart: stm32-usart-v2 cannot speak 9000000 baud"),
    "pll_divider = 2": ("pll_divider = 3", "clock: stm32f7 cannot divide by a pll_divider of 3"),
    "= 4096\n": ("= 4000\n", "stack_bytes: input should be a multiple of 256"),
    '{ pin = "PI3" }': (
        '{ pin = "P1.08" }',
        "timestamp: a board with a stm32-usart-v2 has no pin P1",
    ),
    '{ pin = "PA9"': ('{ pin = "P0.06"', "uart: stm32-usart-v2 has no pin P0.06"),
    'bus = "apb2"\n': ("", "uart: stm32-usart-v2 needs bus, enable_bit, tx, rx"),
    'fpu = "fpv5-sp-d16"': ("", "compiler: fpu is given exactly where float_abi is"),
    "size = 0x10_0000": ("size = 0x1000_0000", "the emulator's flash of 4194304 bytes is too"),
    'config = "board/stm32f746g-disco.cfg"': ("", "openocd needs config"),
    "[placement]": ("[placement", "is not TOML"),
}


@pytest.mark.parametrize("right", WRONG)
def test_a_wrong_file_is_one_line_with_file_and_key(right: str, tmp_path: Path) -> None:
    wrong, message = WRONG[right]
    text = (boards_directory() / "stm32f746.toml").read_text()
    assert right in text
    path = tmp_path / "wrong.toml"
    path.write_text(text.replace(right, wrong, 1))
    with pytest.raises(BoardError) as caught:
        load_board(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_an_error_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(BoardError, match=r"none\.toml: cannot be read: No such file"):
        load_board(tmp_path / "none.toml")
