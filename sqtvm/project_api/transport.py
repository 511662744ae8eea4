"""The bytes between TVM and the firmware: over the emulator's serial line, or a board's."""

from __future__ import annotations

import time
from pathlib import Path

from sqtvm.firmware.boards import Board
from sqtvm.measure.emulator import Emulator, Machine
from sqtvm.measure.line import PortError, SerialLine
from sqtvm.measure.target import AUTO, Target
from sqtvm.measure.target_open import located
from sqtvm.project_api.jsonrpc import ReplyError

# What TVM waits for: a try of its session's start, the whole start, an answer.
TIMEOUTS = {
    "session_start_retry_timeout_sec": 2.0,
    "session_start_timeout_sec": 10.0,
    "session_established_timeout_sec": 10.0,
}


class Transport:
    """Open from its creation to ``close``; elf: what the emulator runs, None for a board."""

    def __init__(self, board: Board, elf: Path | None, port: str = AUTO) -> None:
        self._emulator: Emulator | None = None
        address = ""
        if elf is None:
            address = located(Target("serial", port), board).port
        else:
            machine = board.emulator
            running = Emulator(Machine(machine.program, machine.machine, machine.cpu), elf)
            self._emulator = running.__enter__()
            address = running.address
        try:
            self._line = SerialLine(address)
        except BaseException:
            self.close()
            raise

    def read(self, count: int, seconds: float | None) -> bytes:
        """``count`` bytes, or those that came within the time; without a time it waits for all.

        Raises ReplyError ``IoTimeoutError`` where none came, ``TransportClosedError`` where the
        line is gone.
        """
        end = None if seconds is None else time.monotonic() + seconds
        data = b""
        while len(data) < count:
            try:
                data += self._line.read(count - len(data))
            except PortError as error:
                raise ReplyError("TransportClosedError") from error
            if end is not None and time.monotonic() >= end:
                break
        if not data and count:
            raise ReplyError("IoTimeoutError")
        return data

    def write(self, data: bytes) -> None:
        """Raises ReplyError ``TransportClosedError`` where the line is gone."""
        try:
            self._line.write(data)
        except PortError as error:
            raise ReplyError("TransportClosedError") from error

    def close(self) -> None:
        if hasattr(self, "_line"):
            self._line.close()
        if self._emulator is not None:
            self._emulator.stop()
            self._emulator = None
