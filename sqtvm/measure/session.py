"""A conversation with measuring firmware over any address that pyserial opens.

The same code talks to a board (``/dev/ttyACM0``), to the emulator (``socket://host:port``) and to
a remote port (``rfc2217://...``).
"""

from __future__ import annotations

import secrets
import struct
import time
from types import TracebackType
from typing import Any

import numpy as np
import serial
from numpy.typing import NDArray

from sqtvm.errors import MeasurementError
from sqtvm.measure import messages
from sqtvm.measure.frame import MAX_FRAME_BYTES, PROTOCOL_VERSION, Frame, FrameParser, encode
from sqtvm.measure.messages import Identity, ProfileEntry, Refusal, Request, RunResult

DEFAULT_BAUD = 115200
# A whole frame takes 90 ms at 115200 baud; the rest is the operating system's and the adapter's.
_ANSWER_SECONDS = 5.0
_RESEND_SECONDS = 0.4
_RESEND_RUN_SECONDS = 2.0
_RESEND_LONGEST_SECONDS = 8.0
_INFERENCE_TRIES = 3


class RequestRefusedError(MeasurementError):
    """The firmware understood the request and did not carry it out."""

    def __init__(self, request: Request, reason: Refusal) -> None:
        super().__init__(
            f"the target refused '{request.name.lower()}': {reason.name.lower().replace('_', ' ')}",
            "build and flash the firmware again with this version of sqtvm",
        )
        self.reason = reason


class Session:
    """Requests to one target, each repeated until it is answered or its time is over.

    Every method raises MeasurementError where the target does not answer within ``timeout``
    seconds (``run_timeout`` for an inference), where the port vanishes, or where the answer makes
    no sense. Use as a context manager, or call ``close``.
    """

    def __init__(
        self,
        address: str,
        baudrate: int = DEFAULT_BAUD,
        timeout: float = _ANSWER_SECONDS,
        run_timeout: float = 60.0,
    ) -> None:
        self.address = address
        self._timeout = timeout
        self._run_timeout = run_timeout
        self._parser = FrameParser()
        self._identity: Identity | None = None
        # A number that an earlier session is unlikely to have ended with: the firmware answers
        # a repeated number from memory.
        self._sequence = secrets.randbelow(1 << 16)
        self._port = _open(address, baudrate)

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._port.close()

    def identify(self, archive_sha256: str | None = None) -> Identity:
        """The handshake; with ``archive_sha256`` (hexadecimal) also that it is that firmware."""
        found = messages.decode_identity(self._request(Request.IDENTIFY, b"", self._timeout))
        if found.protocol_version != PROTOCOL_VERSION:
            raise MeasurementError(
                f"the firmware at {self.address} speaks protocol {found.protocol_version}, "
                f"this sqtvm speaks {PROTOCOL_VERSION}",
                "build and flash the firmware again with this version of sqtvm",
            )
        if archive_sha256 is not None and found.archive_sha256 != archive_sha256:
            raise MeasurementError(
                f"the firmware at {self.address} is of another model: {found.model} for "
                f"{found.board}, archive {found.archive_sha256[:12]} instead of "
                f"{archive_sha256[:12]}",
                "flash the firmware that was just built, then measure again",
            )
        self._identity = found
        return found

    def write_input(self, x: NDArray[np.int8]) -> None:
        """x: int8, of any shape with as many elements as the network's input has bytes."""
        identity = self._known()
        data = np.ascontiguousarray(x, np.int8).tobytes()
        if len(data) != identity.input_bytes:
            raise MeasurementError(
                f"an input of {len(data)} bytes was given, the firmware takes "
                f"{identity.input_bytes}",
                "measure with data of the shape the network was compiled for",
            )
        step = min(identity.max_payload - 4, 512)
        for offset in range(0, len(data), step):
            payload = struct.pack("<I", offset) + data[offset : offset + step]
            self._request(Request.WRITE_INPUT, payload, self._timeout)

    def run(self) -> RunResult:
        """One inference on the input that was written; an input serves for one run."""
        status, result = messages.decode_run(self._request(Request.RUN, b"", self._run_timeout))
        if status != 0:
            raise MeasurementError(
                f"the network ended with status {status} on {self.address}",
                "build the firmware again; if it stays, report the model",
            )
        return result

    def read_output(self) -> NDArray[np.int8]:
        """int8, flat: the output of the last run."""
        identity = self._known()
        parts = []
        step = min(identity.max_payload, 512)
        for offset in range(0, identity.output_bytes, step):
            length = min(step, identity.output_bytes - offset)
            payload = struct.pack("<IH", offset, length)
            part = self._request(Request.READ_OUTPUT, payload, self._timeout)
            if len(part) != length:
                raise messages.malformed("read output")
            parts.append(part)
        return np.frombuffer(b"".join(parts), np.int8)

    def read_profile(self) -> tuple[ProfileEntry, ...]:
        """Layers of the last run in execution order; empty where the firmware does not profile."""
        per_answer = messages.profile_entries_per_answer(self._known().max_payload)
        total, entries = self._profile_part(0, 0)
        while len(entries) < total:
            count = min(per_answer, total - len(entries))
            entries += self._profile_part(len(entries), count)[1]
        return entries

    def infer(self, x: NDArray[np.int8]) -> tuple[NDArray[np.int8], RunResult]:
        """Write, run, read; begun anew where the target was reset in the middle."""
        for last_try in (False,) * (_INFERENCE_TRIES - 1) + (True,):
            try:
                self.write_input(x)
                result = self.run()
                return self.read_output(), result
            except RequestRefusedError as error:
                if last_try or error.reason not in _LOST_STATE:
                    raise
                self.identify(self._known().archive_sha256)
        raise AssertionError("the last try returns or raises")

    def reset(self) -> None:
        """Restart the target and wait until it answers again."""
        self._request(Request.RESET, b"", self._timeout)
        self.identify(self._identity.archive_sha256 if self._identity else None)

    def _known(self) -> Identity:
        return self._identity if self._identity is not None else self.identify()

    def _profile_part(self, first: int, count: int) -> tuple[int, tuple[ProfileEntry, ...]]:
        payload = struct.pack("<HH", first, count)
        part = messages.decode_profile(self._request(Request.READ_PROFILE, payload, self._timeout))
        if len(part[1]) != count:
            raise messages.malformed("read profile")
        return part

    def _request(self, request: Request, payload: bytes, timeout: float) -> bytes:
        self._sequence = (self._sequence + 1) % (1 << 16)
        frame = encode(Frame(request, self._sequence, payload))
        end = time.monotonic() + timeout
        pause = _RESEND_RUN_SECONDS if request is Request.RUN else _RESEND_SECONDS
        prefix = b""
        try:
            while time.monotonic() < end:
                self._port.write(prefix + frame)
                answer = self._await(request, min(end, time.monotonic() + pause))
                if answer is not None:
                    return answer
                pause = min(2 * pause, _RESEND_LONGEST_SECONDS)
                # Whatever half a frame the target may still be waiting on ends with these.
                prefix = bytes(MAX_FRAME_BYTES)
        except (serial.SerialException, OSError) as error:
            raise MeasurementError(
                f"the serial port {self.address} vanished during '{request.name.lower()}': {error}",
                "check the cable and the board's power, then measure again",
            ) from error
        raise MeasurementError(
            f"no answer to '{request.name.lower()}' from {self.address} in {timeout:g} s",
            "check that the board runs sqtvm's firmware, and the port and its baud rate",
        )

    def _await(self, request: Request, end: float) -> bytes | None:
        while (remaining := end - time.monotonic()) > 0:
            self._port.timeout = remaining
            for frame in self._parser.feed(self._port.read(self._parser.missing())):
                answer = self._match(request, frame)
                if answer is not None:
                    return answer
        for frame in self._parser.expire():
            answer = self._match(request, frame)
            if answer is not None:
                return answer
        return None

    def _match(self, request: Request, frame: Frame) -> bytes | None:
        if frame.sequence != self._sequence:
            return None
        if frame.type == request | messages.ANSWER_FLAG:
            return frame.payload
        if frame.type == messages.REFUSED and len(frame.payload) == 2:
            refused, reason = frame.payload
            if refused == request and reason in list(Refusal):
                raise RequestRefusedError(request, Refusal(reason))
        return None


_LOST_STATE = (Refusal.NO_INPUT, Refusal.NO_OUTPUT, Refusal.RANGE)


def _open(address: str, baudrate: int) -> Any:
    try:
        return serial.serial_for_url(address, baudrate=baudrate, write_timeout=_ANSWER_SECONDS)
    except (serial.SerialException, OSError, ValueError) as error:
        raise MeasurementError(
            f"the serial port {address} cannot be opened: {error}",
            "list the ports with 'python -m serial.tools.list_ports'; on Linux the user needs "
            "to be in the group dialout",
        ) from error
