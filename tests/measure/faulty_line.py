"""A serial line on a TCP port that harms what it carries, with a program at its other end."""

from __future__ import annotations

import random
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

Fault = Callable[[bytes], bytes]


def clean(data: bytes) -> bytes:
    return data


def noisy(seed: int, share: float) -> Fault:
    """Of all bytes ``share`` is dropped, changed, sent twice, or followed by noise."""
    source = random.Random(seed)

    def harm(data: bytes) -> bytes:
        out = bytearray()
        for byte in data:
            kind = int(source.random() / share * 4) if share else 4
            if kind == 0:
                continue
            out.append(byte ^ source.randrange(1, 256) if kind == 1 else byte)
            if kind == 2:
                out.append(byte)
            if kind == 3:
                out += source.randbytes(source.randrange(1, 30))
        return bytes(out)

    return harm


class FaultyLine:
    """``address`` is for pyserial; ``program`` is started anew for each line."""

    def __init__(self, program: Path, to_target: Fault = clean, to_host: Fault = clean) -> None:
        self._faults = (to_target, to_host)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"socket://127.0.0.1:{self._listener.getsockname()[1]}"
        self._target = subprocess.Popen(
            [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )
        self._client: socket.socket | None = None
        self._threads = [threading.Thread(target=self._serve, daemon=True)]

    def __enter__(self) -> FaultyLine:
        self._threads[0].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.cut()
        assert self._target.stdin is not None
        assert self._target.stdout is not None
        self._target.stdin.close()
        self.status = self._target.wait(10)
        for thread in self._threads:
            thread.join(10)
        self._target.stdout.close()

    def cut(self) -> None:
        """Pull the cable."""
        self._listener.close()
        if self._client is not None:
            self._client.close()

    def _serve(self) -> None:
        try:
            self._client, _ = self._listener.accept()
        except OSError:
            return
        back = threading.Thread(target=self._carry_back, daemon=True)
        self._threads.append(back)
        back.start()
        assert self._target.stdin is not None
        try:
            while data := self._client.recv(4096):
                self._target.stdin.write(self._faults[0](data))
        except (OSError, ValueError):
            return

    def _carry_back(self) -> None:
        assert self._target.stdout is not None
        assert self._client is not None
        try:
            while data := self._target.stdout.read(4096):
                self._client.sendall(self._faults[1](data))
        except (OSError, ValueError):
            return
