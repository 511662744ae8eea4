"""A TCP proxy between pyserial and QEMU's serial port that does everything a bad line can do."""

from __future__ import annotations

import random
import socket
import threading
import time
from dataclasses import dataclass
from types import TracebackType

from sqtvm.measure.frame import SYNC, Frame, FrameParser, encode
from sqtvm.measure.messages import Request

_RESET = encode(Frame(Request.RESET, 7, b""))


@dataclass(frozen=True)
class Faults:
    """Probabilities: the first four for each byte, the others for each chunk that is carried.

    stale: an earlier chunk comes once more; reset: the board restarts; cut: the port vanishes;
    noise comes when the port is opened, too, as from a boot loader.
    """

    dropped: float = 0.0
    changed: float = 0.0
    doubled: float = 0.0
    noise: float = 0.0
    stale: float = 0.0
    reset: float = 0.0
    cut: float = 0.0


class FaultyProxy:
    """``address`` is for pyserial; may be opened again whenever the proxy cut it.

    ``frames`` counts the whole frames that arrived unharmed in either direction, ``events`` what
    was done to the line.
    """

    def __init__(self, target: str, faults: Faults, seed: int) -> None:
        host, port = target.removeprefix("socket://").split(":")
        self._faults = faults
        self._random = random.Random(seed)
        self._target = socket.create_connection((host, int(port)))
        self._target.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"socket://127.0.0.1:{self._listener.getsockname()[1]}"
        self.frames = 0
        self.events = dict.fromkeys(vars(faults), 0)
        self._chances = dict.fromkeys(vars(faults), 0)
        self._client: socket.socket | None = None
        self._lock = threading.Lock()
        self._earlier: dict[bool, bytes] = {True: b"", False: b""}
        self._parsers = {True: FrameParser(), False: FrameParser()}
        self._threads = [
            threading.Thread(target=carry, daemon=True) for carry in (self._forth, self._back)
        ]

    def __enter__(self) -> FaultyProxy:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for end in (self._listener, self._target):
            # Closing alone does not wake a thread that waits on it.
            end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._cut()
        for thread in self._threads:
            thread.join(10)

    def _forth(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self._faults.noise:
                    client.sendall(b"\r\nboot " + self._noise())
            except OSError:
                return
            self._client = client
            try:
                while data := client.recv(4096):
                    self._target.sendall(self._harm(data, to_target=True))
                    if self._happens("reset", self._faults.reset):
                        self._target.sendall(_RESET)
                    if self._happens("cut", self._faults.cut):
                        break
            except OSError:
                pass
            self._cut()

    def _back(self) -> None:
        try:
            while data := self._target.recv(4096):
                # QEMU sends single bytes: gather a few, as a chunk is what stale copies.
                time.sleep(0.002)
                data += self._waiting()
                harmed = self._harm(data, to_target=False)
                client = self._client
                if client is not None:
                    try:
                        client.sendall(harmed)
                    except OSError:
                        continue
        except OSError:
            return

    def _waiting(self) -> bytes:
        try:
            return self._target.recv(4096, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return b""

    def _cut(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _happens(self, name: str, probability: float) -> bool:
        self._chances[name] += 1
        # A test that asks for it gets it at least once.
        due = self.events[name] == 0 and self._chances[name] * probability >= 1
        happened = due or self._random.random() < probability
        self.events[name] += happened
        return happened

    def _noise(self) -> bytes:
        """Bytes, and sometimes what looks like the beginning of a long frame."""
        start = self._random.choice([b"", SYNC, SYNC + b"\x02\x81\x00\x00\xff\x03"])
        return start + self._random.randbytes(self._random.randrange(1, 40))

    def _harm(self, data: bytes, to_target: bool) -> bytes:
        faults = self._faults
        with self._lock:
            out = bytearray()
            for byte in data:
                if self._happens("dropped", faults.dropped):
                    continue
                if self._happens("changed", faults.changed):
                    byte ^= self._random.randrange(1, 256)
                out.append(byte)
                if self._happens("doubled", faults.doubled):
                    out.append(byte)
                if self._happens("noise", faults.noise):
                    out += self._noise()
            if self._happens("stale", faults.stale):
                out += self._earlier[to_target]
            if self._random.random() < 0.3:
                self._earlier[to_target] = data
            self.frames += len(self._parsers[to_target].feed(bytes(out)))
            return bytes(out)
