"""Coverage-guided fuzzing of a parser: ``python -m tests.faults.fuzz frames|boards [-runs=N]``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["sqtvm"]):
    from sqtvm.errors import BoardError
    from sqtvm.firmware.boards import load_board
    from sqtvm.measure.frame import FrameParser, encode

_FOLDER = Path(tempfile.mkdtemp(prefix="sqtvm-fuzz-"))


def frames(data: bytes) -> None:
    """Whatever the parser takes for a frame must be bytes of the stream, checksum and all."""
    step = data[0] + 1 if data else 1
    parser = FrameParser()
    found = []
    for begin in range(0, len(data), step):
        found += parser.feed(data[begin : begin + step])
    found += parser.expire()
    for frame in found:
        assert encode(frame) in data


def boards(data: bytes) -> None:
    """A board file is a board, or a BoardError in one line."""
    path = _FOLDER / "board.toml"
    path.write_bytes(data)
    message = ""
    try:
        load_board(path)
    except BoardError as error:
        message = str(error)
    assert str(path) in message or not message
    assert message.count("\n") == 0


if __name__ == "__main__":
    target = {"frames": frames, "boards": boards}[sys.argv.pop(1)]
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()
