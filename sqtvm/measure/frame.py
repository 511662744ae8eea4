"""Frames of the measuring protocol: bytes on a serial line to checked messages and back.

The format is described in docs/protocol.md; templates/baremetal/src/protocol.c is its other end.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

PROTOCOL_VERSION = 2
MAX_PAYLOAD = 1024
SYNC = b"\xa5\x5a"
_HEADER = struct.Struct("<2sBBHH")
_CRC = struct.Struct("<I")
MAX_FRAME_BYTES = _HEADER.size + MAX_PAYLOAD + _CRC.size


@dataclass(frozen=True)
class Frame:
    """type: 0 to 255; sequence: 0 to 65535; payload: at most MAX_PAYLOAD bytes."""

    type: int
    sequence: int
    payload: bytes


def encode(frame: Frame) -> bytes:
    """The bytes of a frame; ValueError where the payload is too long."""
    if len(frame.payload) > MAX_PAYLOAD:
        raise ValueError(f"a payload of {len(frame.payload)} bytes is above {MAX_PAYLOAD}")
    header = _HEADER.pack(SYNC, PROTOCOL_VERSION, frame.type, frame.sequence, len(frame.payload))
    body = header + frame.payload
    return body + _CRC.pack(zlib.crc32(body[len(SYNC) :]))


class FrameParser:
    """Finds whole, correct frames in a stream that may hold anything else as well.

    Bytes of a frame that turned out wrong are searched again from its second byte on, because
    a true frame may begin inside.
    """

    def __init__(self) -> None:
        self._received = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """Every frame that ``data`` completes, in order."""
        self._received += data
        return self._take_frames()

    def missing(self) -> int:
        """How many more bytes it takes at least to complete a frame, 1 or more."""
        if len(self._received) < _HEADER.size:
            return _HEADER.size + _CRC.size - len(self._received)
        end = _HEADER.size + _HEADER.unpack_from(self._received)[4] + _CRC.size
        return int(end) - len(self._received)

    def expire(self) -> list[Frame]:
        """Give up waiting for the rest of a frame; returns frames that were hidden behind it."""
        found: list[Frame] = []
        while self._received:
            self._drop_to_next_sync()
            found += self._take_frames()
        return found

    def _take_frames(self) -> list[Frame]:
        found: list[Frame] = []
        while self._received:
            if not self._is_plausible():
                self._drop_to_next_sync()
                continue
            if len(self._received) < _HEADER.size:
                break
            _, _, kind, sequence, length = _HEADER.unpack_from(self._received)
            end = _HEADER.size + length + _CRC.size
            if len(self._received) < end:
                break
            body = bytes(self._received[len(SYNC) : end - _CRC.size])
            if zlib.crc32(body) == _CRC.unpack_from(self._received, end - _CRC.size)[0]:
                payload = body[_HEADER.size - len(SYNC) :]
                found.append(Frame(kind, sequence, payload))
                del self._received[:end]
            else:
                self._drop_to_next_sync()
        return found

    def _is_plausible(self) -> bool:
        received = self._received
        expected = SYNC + bytes([PROTOCOL_VERSION])
        start = bytes(received[: len(expected)])
        if start != expected[: len(start)]:
            return False
        return len(received) < _HEADER.size or _HEADER.unpack_from(received)[4] <= MAX_PAYLOAD

    def _drop_to_next_sync(self) -> None:
        following = self._received.find(SYNC[:1], 1)
        del self._received[: len(self._received) if following < 0 else following]
