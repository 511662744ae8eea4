"""One request, one answer, over a line that may be bad: sequence numbers, resending, timeouts."""

from __future__ import annotations

import re
import secrets
import time

from sqtvm.errors import MeasurementError
from sqtvm.measure import messages
from sqtvm.measure.frame import MAX_FRAME_BYTES, Frame, FrameParser, encode
from sqtvm.measure.line import Line, PortError
from sqtvm.measure.messages import Refusal, Request

_RESEND_SECONDS = 0.4
_RESEND_RUN_SECONDS = 2.0
_RESEND_LONGEST_SECONDS = 8.0
# An USB port that a reset takes away is back within two or three.
_RETURN_SECONDS = 10.0

_KEPT_BYTES = 1024
_FAULT = re.compile(rb"sqtvm fault: ([ -~]+)\r")


class RequestRefusedError(MeasurementError):
    """The firmware understood the request and did not carry it out."""

    def __init__(self, request: Request, reason: Refusal) -> None:
        super().__init__(
            f"the target refused '{_name(request)}': {reason.name.lower().replace('_', ' ')}",
            "build and flash the firmware again with this version of sqtvm",
        )
        self.reason = reason


class PortReturnedError(MeasurementError):
    """The port vanished and came back, so the target has perhaps been reset, or is another one."""

    def __init__(self, address: str, request: Request) -> None:
        super().__init__(
            f"the serial port {address} vanished during '{_name(request)}' and came back",
            "check the cable and the board's power, then measure again",
        )


class Exchange:
    """Requests over one line, each repeated until it is answered or its time is over."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._parser = FrameParser()
        # A number that an earlier session is unlikely to have ended with: the firmware answers
        # a repeated number from memory.
        self._sequence = secrets.randbelow(1 << 16)
        self._received = b""

    @property
    def address(self) -> str:
        return self._line.address

    def close(self) -> None:
        self._line.close()

    def request(self, request: Request, payload: bytes, timeout: float) -> bytes:
        """The answer's payload.

        Raises RequestRefusedError where the target refused, PortReturnedError where the port came
        back and all but identify has to be begun anew, MeasurementError after ``timeout`` seconds
        without an answer and where the port stays away.
        """
        self._sequence = (self._sequence + 1) % (1 << 16)
        frame = encode(Frame(request, self._sequence, payload))
        end = time.monotonic() + timeout
        pause = _RESEND_RUN_SECONDS if request is Request.RUN else _RESEND_SECONDS
        prefix = b""
        while time.monotonic() < end:
            try:
                self._line.write(prefix + frame)
                answer = self._await(request, min(end, time.monotonic() + pause))
            except PortError as error:
                self._reopen(request, error)
                answer = None
            if answer is not None:
                return answer
            pause = min(2 * pause, _RESEND_LONGEST_SECONDS)
            # Whatever half a frame the target may still be waiting on ends with these.
            prefix = bytes(MAX_FRAME_BYTES)
        raise MeasurementError(
            f"no answer to '{_name(request)}' from {self.address} in {timeout:g} s",
            "check that the board runs sqtvm's firmware, and the port and its baud rate",
        )

    def fault(self) -> str:
        """What the target's fault handler said last, empty where it said nothing."""
        told = _FAULT.findall(self._received)
        return told[-1].decode("ascii") if told else ""

    def _reopen(self, request: Request, error: Exception) -> None:
        self._parser = FrameParser()
        if not self._line.come_back(time.monotonic() + _RETURN_SECONDS):
            raise MeasurementError(
                f"the serial port {self.address} vanished during '{_name(request)}': {error}",
                "check the cable and the board's power, then measure again",
            ) from error
        if request is not Request.IDENTIFY:
            raise PortReturnedError(self.address, request) from error

    def _await(self, request: Request, end: float) -> bytes | None:
        while time.monotonic() < end:
            data = self._line.read(self._parser.missing())
            self._received = (self._received + data)[-_KEPT_BYTES:]
            for frame in self._parser.feed(data):
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


def _name(request: Request) -> str:
    return request.name.lower().replace("_", " ")
