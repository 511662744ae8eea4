"""One session over every kind of address: a socket, a terminal device, a remote port."""

from __future__ import annotations

import os
import pty
import select
import socket
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
import pytest
import serial
import serial.rfc2217

from sqtvm.errors import MeasurementError
from sqtvm.measure.line import SerialLine
from sqtvm.measure.session import Session

from .faulty_line import FaultyLine
from .test_session import HASH, expected, sample


@contextmanager
def as_socket(address: str) -> Iterator[str]:
    yield address


@contextmanager
def as_device(address: str) -> Iterator[str]:
    """A pseudo terminal, which pyserial opens as it opens /dev/ttyACM0."""
    host, port = address.removeprefix("socket://").split(":")
    master, slave = pty.openpty()
    tty.setraw(slave)
    with socket.create_connection((host, int(port))) as target:
        ended = threading.Event()

        def carry() -> None:
            while not ended.is_set():
                ready, _, _ = select.select([master, target], [], [], 0.05)
                if master in ready:
                    target.sendall(os.read(master, 4096))
                if target in ready:
                    os.write(master, target.recv(4096))

        thread = threading.Thread(target=carry, daemon=True)
        thread.start()
        yield os.ttyname(slave)
        ended.set()
        thread.join(10)
    os.close(master)
    os.close(slave)


@contextmanager
def as_remote_port(address: str) -> Iterator[str]:
    """A server of RFC 2217, as ser2net and labgrid's exporters are."""

    class Connection:
        def __init__(self, client: socket.socket) -> None:
            self._client = client

        def write(self, data: bytes) -> None:
            self._client.sendall(data)

    with (
        serial.serial_for_url(address, timeout=0.01) as port,
        socket.create_server(("127.0.0.1", 0)) as server,
    ):

        def serve() -> None:
            client, _ = server.accept()
            connection = Connection(client)
            manager = serial.rfc2217.PortManager(port, connection)
            with client:
                while True:
                    ready, _, _ = select.select([client], [], [], 0.005)
                    if ready:
                        data = client.recv(4096)
                        if not data:
                            return
                        port.write(b"".join(manager.filter(data)))
                    if waiting := port.read(4096):
                        connection.write(b"".join(manager.escape(waiting)))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"rfc2217://127.0.0.1:{server.getsockname()[1]}"
        thread.join(10)


@pytest.mark.parametrize("kind", [as_socket, as_device, as_remote_port])
def test_any_address_of_pyserial(
    kind: Callable[[str], AbstractContextManager[str]], host_firmware: Path
) -> None:
    with (
        FaultyLine(host_firmware) as line,
        kind(line.address) as address,
        Session(address) as session,
    ):
        session.identify(HASH)
        for run in range(1, 4):
            y, result = session.infer(sample(run))
            np.testing.assert_array_equal(y, expected(sample(run)))
            assert result.stack_bytes == run
        session.reset()
        assert session.infer(sample(0))[1].stack_bytes == 1


def test_two_programs_cannot_hold_one_port() -> None:
    master, slave = pty.openpty()
    line = SerialLine(os.ttyname(slave))
    with pytest.raises(MeasurementError, match="cannot be opened") as caught:
        SerialLine(os.ttyname(slave))
    assert "no other program" in caught.value.hint
    line.close()
    os.close(master)
    os.close(slave)
