"""The serial port of a board by the USB ids that its board file gives."""

from __future__ import annotations

from pathlib import Path

from serial.tools import list_ports
from serial.tools.list_ports_common import ListPortInfo

from sqtvm.errors import MeasurementError
from sqtvm.firmware.boards import Board

# Linux keeps a name for each device here that stays the same when the device comes back.
_STABLE_NAMES = Path("/dev/serial/by-id")


def find_port(board: Board) -> str:
    """What pyserial opens for the one connected board of this kind.

    Raises MeasurementError where the board file has no USB ids, where no port has one of them,
    and where several have: which is meant has to be said then.
    """
    if not board.usb:
        raise MeasurementError(
            f"{board.name}'s board file names no USB ids to find it by", "give serial:PORT"
        )
    ports = sorted(list_ports.comports())
    found = [port for port in ports if _usb_id(port) in board.usb]
    if not found:
        seen = ", ".join(_describe(port) for port in ports if port.vid is not None)
        raise MeasurementError(
            f"no serial port with the USB id {' or '.join(board.usb)} of {board.name} is "
            f"connected; ports that are: {seen or 'none'}",
            "check the cable (some only charge) and the board's power, or give serial:PORT",
        )
    if len(found) > 1:
        raise MeasurementError(
            f"{len(found)} ports have the USB id of {board.name}: "
            f"{', '.join(_describe(port) for port in found)}",
            f"say which one: serial:{_stable_name(found[0].device)}",
        )
    return _stable_name(found[0].device)


def _usb_id(port: ListPortInfo) -> str:
    return "" if port.vid is None else f"{port.vid:04x}:{port.pid:04x}"


def _describe(port: ListPortInfo) -> str:
    serial_number = f", serial number {port.serial_number}" if port.serial_number else ""
    return f"{port.device} ({_usb_id(port)}{serial_number})"


def _stable_name(device: str) -> str:
    if _STABLE_NAMES.is_dir():
        for link in sorted(_STABLE_NAMES.iterdir()):
            if link.resolve() == Path(device).resolve():
                return str(link)
    return device
