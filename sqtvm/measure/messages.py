"""What the frames of the measuring protocol carry: requests, answers and refusals."""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass
from typing import Any

from sqtvm.errors import MeasurementError

ANSWER_FLAG = 0x80
REFUSED = 0xFF

_IDENTITY = struct.Struct("<HHIIIIfifi32s")
_RUN = struct.Struct("<iQI")
_PROFILE_HEADER = struct.Struct("<HH")
_PROFILE_ENTRY = struct.Struct("<IQ")


class Request(enum.IntEnum):
    """The type byte of a request; its answer's is the same with ANSWER_FLAG set."""

    IDENTIFY = 1
    WRITE_INPUT = 2
    RUN = 3
    READ_OUTPUT = 4
    READ_PROFILE = 5
    RESET = 6


class Refusal(enum.IntEnum):
    """Why a request was refused."""

    UNKNOWN_REQUEST = 1
    LENGTH = 2
    RANGE = 3
    NO_INPUT = 4
    NO_OUTPUT = 5
    OTHER_INPUT = 6


@dataclass(frozen=True)
class Identity:
    """What the firmware says of itself; sizes in bytes, archive_sha256 in hexadecimal."""

    protocol_version: int
    max_payload: int
    input_bytes: int
    output_bytes: int
    layer_count: int
    clock_hz: int
    input_scale: float
    input_zero_point: int
    output_scale: float
    output_zero_point: int
    archive_sha256: str
    model: str
    board: str


@dataclass(frozen=True)
class RunResult:
    """One inference: cycles by the target's own counter, the stack's high-water mark in bytes."""

    cycles: int
    stack_bytes: int


@dataclass(frozen=True)
class ProfileEntry:
    """Cycles of one layer; layer is its position in the integer network."""

    layer: int
    cycles: int


def decode_identity(payload: bytes) -> Identity:
    """MeasurementError where the payload is not an identity of this protocol's version."""
    try:
        numbers: list[Any] = list(_IDENTITY.unpack_from(payload))
        model, rest = _text(payload[_IDENTITY.size :])
        board, _ = _text(rest)
    except (struct.error, ValueError) as error:
        raise malformed("identify") from error
    fields = [*numbers[:-1], numbers[-1].hex(), model, board]
    return Identity(*fields)


def decode_run(payload: bytes) -> tuple[int, RunResult]:
    """Status (0 is success) and result."""
    try:
        status, cycles, stack = _RUN.unpack(payload)
    except struct.error as error:
        raise malformed("run") from error
    return status, RunResult(cycles, stack)


def decode_profile(payload: bytes) -> tuple[int, tuple[ProfileEntry, ...]]:
    """Number of entries that the firmware holds, and those that this answer carries."""
    try:
        total, count = _PROFILE_HEADER.unpack_from(payload)
        body = payload[_PROFILE_HEADER.size :]
        entries = tuple(ProfileEntry(*fields) for fields in _PROFILE_ENTRY.iter_unpack(body))
    except struct.error as error:
        raise malformed("read profile") from error
    if len(entries) != count:
        raise malformed("read profile")
    return total, entries


def profile_entries_per_answer(max_payload: int) -> int:
    return (max_payload - _PROFILE_HEADER.size) // _PROFILE_ENTRY.size


def malformed(request: str) -> MeasurementError:
    return MeasurementError(
        f"the target's answer to '{request}' has the wrong length or content",
        "build and flash the firmware again with this version of sqtvm",
    )


def _text(data: bytes) -> tuple[str, bytes]:
    if not data or len(data) < 1 + data[0]:
        raise ValueError("a text is cut off")
    end = 1 + data[0]
    return data[1:end].decode("utf-8", "replace"), data[end:]
