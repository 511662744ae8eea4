"""A line of bytes to a target, which may vanish and come back; over any address of pyserial."""

from __future__ import annotations

import re
import time
from typing import Any, Protocol

import serial
import serial.rfc2217

from sqtvm.errors import MeasurementError

DEFAULT_BAUD = 115200
# Set once: some of pyserial's ports negotiate with their other end at every change.
_READ_SECONDS = 0.03
_WRITE_SECONDS = 5.0
_RETRY_SECONDS = 0.1

PortError = (serial.SerialException, OSError)


class Line(Protocol):
    """An open line; address: how messages name it. read and write raise one of ``PortError``
    where it vanishes."""

    address: str

    def read(self, count: int) -> bytes:
        """At most ``count`` bytes; fewer, or none, where they do not come at once."""

    def write(self, data: bytes) -> None:
        """Returns when all was handed over."""

    def come_back(self, end: float) -> bool:
        """Open it again once it is there; False where it is not until ``end``, a time of the
        monotonic clock."""

    def close(self) -> None:
        """May be called more than once."""


class SerialLine:
    """A ``Line`` over pyserial.

    address: a device (``/dev/ttyACM0``, ``COM3``) or an URL of pyserial (``socket://host:port``,
    ``rfc2217://host:port``, ``hwgrep://0483:374b``). Raises MeasurementError where it cannot be
    opened.
    """

    def __init__(self, address: str, baudrate: int = DEFAULT_BAUD) -> None:
        self.address = address
        self._baudrate = baudrate
        try:
            self._port = self._open()
        except (*PortError, ValueError) as error:
            raise MeasurementError(
                f"the serial port {address} cannot be opened: {_reason(address, error)}",
                "list the ports with 'python -m serial.tools.list_ports'; on Linux the user needs "
                "to be in the group dialout, and no other program may hold the port",
            ) from error

    def read(self, count: int) -> bytes:
        return bytes(self._port.read(count))

    def write(self, data: bytes) -> None:
        self._port.write(data)

    def come_back(self, end: float) -> bool:
        self.close()
        while time.monotonic() < end:
            try:
                self._port = self._open()
            except PortError:
                time.sleep(_RETRY_SECONDS)
            else:
                return True
        return False

    def close(self) -> None:
        self._port.close()

    def _open(self) -> Any:
        port = serial.serial_for_url(
            self.address,
            do_not_open=True,
            baudrate=self._baudrate,
            timeout=_READ_SECONDS,
            # Two programs on one port would each take some of the other's answers.
            exclusive=True,
        )
        # Remote ports refuse to open with a time limit for writing.
        if not isinstance(port, serial.rfc2217.Serial):
            port.write_timeout = _WRITE_SECONDS
        port.open()
        return port


def _reason(address: str, error: Exception) -> str:
    """What pyserial said, which repeats the port and the error's number."""
    said = str(error).replace(f"could not open port {address}: ", "")
    return re.sub(r"\[Errno -?\d+\] |: '[^']*'$", "", said)
