"""Board files: the ones that come with sqtvm, and what is said of wrong ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from sqtvm.errors import BoardError
from sqtvm.firmware.boards import Board, board_names, load_board
from sqtvm.firmware.resources import boards_directory


def test_the_boards_of_the_first_release_are_there() -> None:
    wanted = {"stm32f746", "stm32f446", "mps2-an385", "mps2-an386", "mps2-an500"}
    assert wanted <= set(board_names())


@pytest.mark.parametrize("name", board_names())
def test_a_board_file_is_valid_and_named_as_its_file(name: str) -> None:
    board = load_board(name)
    assert board.name == name
    assert f"-mcpu={board.compiler.mcpu}" in board.tvm_target


def test_figures_of_the_stm32f746() -> None:
    board = load_board("stm32f746")
    assert (board.clock_hz, board.flash_bytes) == (216_000_000, 1024 * 1024)
    assert board.ram_bytes == (64 + 240 + 16) * 1024
    assert board.region("dtcm").origin == 0x2000_0000
    assert (board.clock.wait_states, board.uart.rx and board.uart.rx.pin) == (7, "PB7")


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
    'core = "cortex-m7"': ('core = "cortex-a7"', "core: input should be 'cortex-m3'"),
    "dsp = true\n": ("", "the key 'dsp' is missing"),
    "stack_bytes = 4096": ("stack_bytes = 4096\ncolour = 1", "there is no key 'colour'"),
    "origin = 0x2001_0000": ("origin = 0x2000_8000", "the memories dtcm and sram overlap"),
    'weights = "flash"': ('weights = "dtcm"', "placement names 'dtcm', which is no memory of"),
    'stack = ["dtcm", "sram"]': ('stack = ["ccm"]', "placement names 'ccm'"),
    "vco_hz = 432_000_000": ("vco_hz = 430_000_000", "the PLL gives 215000000 Hz"),
    "clock_hz = 108_000_000": ("clock_hz = 54_000_000", "uart.clock_hz is not clock_hz divided"),
    'tx = { pin = "PA9"': ('tx = { pin = "A9"', "uart.tx.pin: string should match pattern"),
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
