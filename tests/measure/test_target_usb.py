"""Boards found by their USB ids among the ports of the machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from serial.tools import list_ports
from serial.tools.list_ports_common import ListPortInfo

from sqtvm.errors import MeasurementError
from sqtvm.firmware.boards import board_names, load_board
from sqtvm.measure import target_usb
from sqtvm.measure.target import Target
from sqtvm.measure.target_open import located, require_port
from sqtvm.measure.target_usb import find_port

BOARD = load_board("stm32f746")


def port(device: str, usb: str = "", serial_number: str | None = None) -> ListPortInfo:
    found = ListPortInfo(device)
    if usb:
        found.vid, found.pid = (int(part, 16) for part in usb.split(":"))
        found.serial_number = serial_number
    return found


@pytest.fixture
def ports(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[ListPortInfo]:
    """What the machine has; no stable names but those that a test makes."""
    connected: list[ListPortInfo] = []
    monkeypatch.setattr(list_ports, "comports", lambda: connected)
    monkeypatch.setattr(target_usb, "_STABLE_NAMES", tmp_path / "by-id")
    return connected


def test_the_one_port_with_the_boards_id(ports: list[ListPortInfo]) -> None:
    ports += [port("/dev/ttyS0"), port("/dev/ttyUSB0", "0403:6001"), port("COM3", BOARD.usb[0])]
    assert find_port(BOARD) == "COM3"
    assert located(Target("serial", "auto", 921600), BOARD) == Target("serial", "COM3", 921600)
    assert located(Target("serial", "COM9"), BOARD) == Target("serial", "COM9")


def test_the_name_that_stays_is_preferred(ports: list[ListPortInfo], tmp_path: Path) -> None:
    device = tmp_path / "ttyACM0"
    device.touch()
    (tmp_path / "by-id").mkdir()
    (tmp_path / "by-id" / "usb-other").symlink_to(tmp_path / "ttyACM1")
    (tmp_path / "by-id" / "usb-probe").symlink_to(device)
    ports.append(port(str(device), BOARD.usb[0]))
    assert find_port(BOARD) == str(tmp_path / "by-id" / "usb-probe")


def test_none_is_an_error_that_lists_what_is_there(ports: list[ListPortInfo]) -> None:
    ports += [port("/dev/ttyS0"), port("/dev/ttyUSB0", "0403:6001", "A1")]
    with pytest.raises(MeasurementError, match="no serial port with the USB id 0483:") as caught:
        find_port(BOARD)
    assert str(caught.value).endswith("/dev/ttyUSB0 (0403:6001, serial number A1)")
    assert "serial:PORT" in caught.value.hint


def test_several_are_an_error_that_lists_them(ports: list[ListPortInfo]) -> None:
    ports += [port("/dev/ttyACM1", BOARD.usb[0], "B"), port("/dev/ttyACM0", BOARD.usb[0], "A")]
    with pytest.raises(MeasurementError, match=r"2 ports .*ttyACM0 .*A\), /dev/ttyACM1") as caught:
        find_port(BOARD)
    assert "serial:/dev/ttyACM0" in caught.value.hint


def test_a_board_without_ids(ports: list[ListPortInfo]) -> None:
    ports.append(port("/dev/ttyACM0", BOARD.usb[0]))
    with pytest.raises(MeasurementError, match="names no USB ids"):
        find_port(load_board("mps2-an386"))


def test_a_missing_port_is_told_before_anything_is_flashed(ports: list[ListPortInfo]) -> None:
    require_port(Target("emulator"), BOARD)
    require_port(Target("serial", "loop://"), BOARD)
    with pytest.raises(MeasurementError, match="/dev/ttyNONE cannot be opened: No such file"):
        require_port(Target("serial", "/dev/ttyNONE"), BOARD)
    assert not ports
    with pytest.raises(MeasurementError, match="no serial port with the USB id"):
        require_port(Target("serial", "auto"), BOARD)


@pytest.mark.parametrize("name", board_names())
def test_a_board_that_can_be_flashed_can_be_found(name: str) -> None:
    board = load_board(name)
    assert bool(board.usb) == bool(board.flash_tools)
