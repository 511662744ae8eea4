"""From what ``--measure`` says to a session with the board."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from sqtvm.errors import MeasurementError
from sqtvm.firmware.boards import Board
from sqtvm.measure.line import SerialLine
from sqtvm.measure.session import Session
from sqtvm.measure.target import AUTO, Target
from sqtvm.measure.target_labgrid import acquired_line
from sqtvm.measure.target_usb import find_port


@contextmanager
def open_session(target: Target, board: Board, elf: Path) -> Iterator[Session]:
    """A session with the board at ``target``.

    elf: what a labgrid place is flashed with, for as long as it is held; at a serial port it has
    been flashed before. Raises MeasurementError and ToolError.
    """
    if target.kind == "serial":
        found = located(target, board)
        with Session(found.port, found.baudrate) as session:
            yield session
    elif target.kind == "labgrid":
        with acquired_line(target, elf) as line, Session(line) as session:
            yield session
    else:
        raise MeasurementError(
            f"there is no board at '{target}'", "give --measure serial:PORT or serial:auto"
        )


def require_port(target: Target, board: Board) -> None:
    """For what takes long, or changes the board, before a session is opened: MeasurementError
    where a serial target's port is not there, or cannot be opened."""
    if target.kind == "serial":
        found = located(target, board)
        SerialLine(found.port, found.baudrate).close()


def located(target: Target, board: Board) -> Target:
    """The same target with ``auto`` replaced by the board's port."""
    if target.kind == "serial" and target.port == AUTO:
        return replace(target, port=find_port(board))
    return target
