"""A conversation with measuring firmware, the same on every line: a board's, the emulator's, a
board farm's."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from types import TracebackType
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from sqtvm.errors import MeasurementError
from sqtvm.measure import messages
from sqtvm.measure.exchange import Exchange, PortReturnedError, RequestRefusedError
from sqtvm.measure.frame import PROTOCOL_VERSION
from sqtvm.measure.line import DEFAULT_BAUD, Line, SerialLine
from sqtvm.measure.messages import Identity, ProfileEntry, Refusal, Request, RunResult

# A whole frame takes 90 ms at 115200 baud; the rest is the operating system's and the adapter's.
_ANSWER_SECONDS = 5.0
_RUN_SECONDS = 60.0
_INFERENCE_TRIES = 5
_LOST_STATE = (Refusal.NO_INPUT, Refusal.NO_OUTPUT, Refusal.RANGE, Refusal.OTHER_INPUT)

_T = TypeVar("_T")


class Session:
    """Requests to one target, at an address of pyserial or over a line that is open already.

    Every method raises MeasurementError where the target does not answer within ``timeout``
    seconds (``run_timeout`` for an inference), where the port vanishes, or where the answer makes
    no sense. Use as a context manager, or call ``close``.
    """

    def __init__(
        self,
        address: str | Line,
        baudrate: int = DEFAULT_BAUD,
        timeout: float = _ANSWER_SECONDS,
        run_timeout: float = _RUN_SECONDS,
    ) -> None:
        line = SerialLine(address, baudrate) if isinstance(address, str) else address
        self.address = line.address
        self._timeout = timeout
        self._run_timeout = run_timeout
        self._identity: Identity | None = None
        self._input_crc = 0
        self._exchange = Exchange(line)

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
        self._exchange.close()

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
        self._input_crc = zlib.crc32(data)
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
        """One inference on the input that was written, which the firmware compares by its
        CRC-32; an input serves for one run."""
        payload = struct.pack("<I", self._input_crc)
        answer = self._request(Request.RUN, payload, self._run_timeout)
        status, result = messages.decode_run(answer)
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
        return self._begun_anew(lambda: self._infer(x))

    def infer_profiled(
        self, x: NDArray[np.int8]
    ) -> tuple[NDArray[np.int8], RunResult, tuple[ProfileEntry, ...]]:
        """As ``infer``, and the profile of that very run."""
        return self._begun_anew(lambda: (*self._infer(x), self.read_profile()))

    def reset(self) -> None:
        """Restart the target and wait until it answers again."""
        self._request(Request.RESET, b"", self._timeout)
        self.identify(self._identity.archive_sha256 if self._identity else None)

    def _infer(self, x: NDArray[np.int8]) -> tuple[NDArray[np.int8], RunResult]:
        self.write_input(x)
        result = self.run()
        return self.read_output(), result

    def _begun_anew(self, steps: Callable[[], _T]) -> _T:
        for _ in range(_INFERENCE_TRIES - 1):
            try:
                return steps()
            except PortReturnedError:
                pass
            except RequestRefusedError as error:
                if error.reason not in _LOST_STATE:
                    raise
            self.identify(self._known().archive_sha256)
        try:
            return steps()
        except RequestRefusedError as error:
            fault = self._exchange.fault()
            if not fault:
                raise
            raise MeasurementError(
                f"the firmware at {self.address} faulted again and again: {fault}",
                "the address of pc is in build/*/firmware.map; report the model",
            ) from error

    def _known(self) -> Identity:
        return self._identity if self._identity is not None else self.identify()

    def _profile_part(self, first: int, count: int) -> tuple[int, tuple[ProfileEntry, ...]]:
        payload = struct.pack("<HH", first, count)
        part = messages.decode_profile(self._request(Request.READ_PROFILE, payload, self._timeout))
        if len(part[1]) != count:
            raise messages.malformed("read profile")
        return part

    def _request(self, request: Request, payload: bytes, timeout: float) -> bytes:
        return self._exchange.request(request, payload, timeout)
