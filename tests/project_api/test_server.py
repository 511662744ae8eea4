"""The Project API over its pipes, request by request as TVM's client of 0.8 to 0.18 sends them."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sqtvm.firmware.resources import templates_directory
from sqtvm.measure.frame import Frame, FrameParser, encode
from sqtvm.measure.messages import Request, decode_identity
from sqtvm.project_api import jsonrpc
from tests.firmware import fake_archive
from tests.firmware.fake_archive import expected

ROOT = Path(__file__).parents[2]
OPTIONS = {"board": "stm32f746", "variant": "emulator", "port": None, "verbose": False}


class RemoteError(Exception):
    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["message"])
        self.code = error["code"]


class Client:
    """One request, one reply, a line each; what comes back is checked as TVM's client does."""

    def __init__(self, read: io.BufferedReader, write: io.BufferedWriter) -> None:
        self._read, self._write = read, write
        self._next = 1

    def __call__(self, method: str, **params: Any) -> Any:
        request = {"jsonrpc": "2.0", "method": method, "params": params, "id": self._next}
        self._next += 1
        self.send(json.dumps(request).encode())
        reply = self.receive()
        assert reply["jsonrpc"] == "2.0"
        assert reply["id"] == request["id"]
        if "error" in reply:
            raise RemoteError(reply["error"])
        return reply["result"]

    def send(self, line: bytes) -> None:
        self._write.write(line + b"\n")
        self._write.flush()

    def receive(self) -> dict[str, Any]:
        line = self._read.readline()
        assert line, "the server closed its end"
        reply: dict[str, Any] = json.loads(line)
        return reply


@contextmanager
def server(folder: Path, python: str = sys.executable, **environment: str) -> Iterator[Client]:
    """Started as TVM's client starts it: in the folder, with two descriptors handed over."""
    server_read, client_write = os.pipe()
    client_read, server_write = os.pipe()
    process = subprocess.Popen(
        [
            *(python, str(folder / "microtvm_api_server.py")),
            *("--read-fd", str(server_read), "--write-fd", str(server_write)),
        ],
        pass_fds=(server_read, server_write),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )
    os.close(server_read)
    os.close(server_write)
    with os.fdopen(client_read, "rb") as read, os.fdopen(client_write, "wb") as write:
        yield Client(read, write)
        write.close()
        assert process.wait(30) == 0


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fake_archive.write(tmp_path_factory.mktemp("archive") / "network.tar")


@pytest.fixture(scope="module")
def project(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made by the template's server."""
    destination = tmp_path_factory.mktemp("project") / "generated"
    with server(templates_directory() / "baremetal") as ask:
        create(ask, archive, destination)
    return destination


def create(ask: Client, archive: Path, destination: Path, **options: Any) -> None:
    done = ask(
        "generate_project",
        model_library_format_path=str(archive),
        standalone_crt_dir="/nonexistent/standalone_crt",
        project_dir=str(destination),
        options={**OPTIONS, **options},
    )
    assert done is None


@pytest.mark.parametrize("platform", ["baremetal", "zephyr"])
@pytest.mark.parametrize("version", ["0.8.0", "0.12.dev120+g1234", "0.18.0"])
def test_templates_say_what_they_are(platform: str, version: str) -> None:
    with server(templates_directory() / platform) as ask:
        info = ask("server_info_query", tvm_version=version)
    assert info["platform_name"] == f"sqtvm-{platform}"
    assert info["is_template"] is True
    assert info["model_library_format_path"] is None
    assert info["protocol_version"] == 1
    options = {option["name"]: option for option in info["project_options"]}
    assert set(options) == set(OPTIONS)
    for option in options.values():
        assert set(option) == {
            *("name", "choices", "default", "type", "required", "optional", "help"),
        }
        assert option["type"] in ("str", "bool", "int")
        assert option["required"] or option["optional"]
    assert options["board"]["required"] == ["generate_project"]


@pytest.mark.parametrize("version", ["0.7.0", "?"])
def test_other_versions_are_refused_as_tvm_expects_it(version: str) -> None:
    with (
        server(templates_directory() / "baremetal") as ask,
        pytest.raises(RemoteError, match=r"^UnsupportedTVMVersionError$") as caught,
    ):
        ask("server_info_query", tvm_version=version)
    assert caught.value.code == jsonrpc.SERVER_ERROR


@pytest.mark.parametrize("platform", ["baremetal", "zephyr"])
def test_a_project_knows_itself(platform: str, archive: Path, tmp_path: Path) -> None:
    destination = tmp_path / "generated"
    with server(templates_directory() / platform) as ask:
        create(ask, archive, destination)
    with server(destination) as ask:
        info = ask("server_info_query", tvm_version="0.18.0")
    assert info["is_template"] is False
    assert info["platform_name"] == f"sqtvm-{platform}"
    assert Path(info["model_library_format_path"]).read_bytes() == archive.read_bytes()


def test_from_build_to_an_inference(project: Path) -> None:
    """Build, flash, and a conversation with the firmware over the transport."""
    x = np.array([1, -2, 3, -4, 5, -6], np.int8)
    with server(project) as ask:
        ask("build", options=OPTIONS)
        ask("flash", options=OPTIONS)
        opened = ask("open_transport", options=OPTIONS)
        assert set(opened["timeouts"]) == {
            "session_start_retry_timeout_sec",
            "session_start_timeout_sec",
            "session_established_timeout_sec",
        }
        parser = FrameParser()

        def exchange(kind: Request, sequence: int, payload: bytes) -> Frame:
            frame = encode(Frame(kind, sequence, payload))
            ask("write_transport", data=base64.b85encode(frame).decode(), timeout_sec=5.0)
            found: list[Frame] = []
            while not found:
                reply = ask("read_transport", n=parser.missing(), timeout_sec=5.0)
                found = parser.feed(base64.b85decode(reply["data"]))
            return found[0]

        identity = decode_identity(exchange(Request.IDENTIFY, 1, b"").payload)
        assert (identity.model, identity.board) == ("fake", "stm32f746")
        exchange(Request.WRITE_INPUT, 2, bytes(4) + x.tobytes())
        exchange(Request.RUN, 3, zlib.crc32(x.tobytes()).to_bytes(4, "little"))
        answer = exchange(Request.READ_OUTPUT, 4, bytes([0, 0, 0, 0, 3, 0]))
        assert answer.payload == expected(x).tobytes()

        begin = time.monotonic()
        with pytest.raises(RemoteError, match=r"^IoTimeoutError$"):
            ask("read_transport", n=1, timeout_sec=0.2)
        assert time.monotonic() - begin < 2
        ask("close_transport")
        ask("close_transport")
        with pytest.raises(RemoteError, match=r"^TransportClosedError$"):
            ask("read_transport", n=1, timeout_sec=0.2)


def test_errors_are_the_users_one_line(archive: Path, project: Path, tmp_path: Path) -> None:
    with server(templates_directory() / "baremetal") as ask:
        with pytest.raises(RemoteError, match="there is no board 'stm33'"):
            create(ask, archive, tmp_path / "a", board="stm33")
        with pytest.raises(RemoteError, match="the option board is not given"):
            create(ask, archive, tmp_path / "a", board=None)
        with pytest.raises(RemoteError, match="is a template, not a project"):
            ask("build", options=OPTIONS)
        (tmp_path / "no.tar").write_bytes(b"no")
        with pytest.raises(RemoteError, match=r"no\.tar: is not a whole \.tar archive"):
            create(ask, tmp_path / "no.tar", tmp_path / "a")
    with server(project) as ask:
        with pytest.raises(RemoteError, match="the option variant is board or emulator"):
            ask("build", options={**OPTIONS, "variant": "moon"})
        with pytest.raises(RemoteError, match=r"firmware\.elf: is not there"):
            ask("flash", options={**OPTIONS, "variant": "board"})


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"[]", jsonrpc.INVALID_REQUEST),
        (b'{"jsonrpc": "1.0", "id": 1}', jsonrpc.INVALID_REQUEST),
        (b'{"jsonrpc": "2.0", "method": "build", "id": 1}', jsonrpc.INVALID_REQUEST),
        (b'{"jsonrpc": "2.0", "method": "x", "params": {}, "id": 1}', jsonrpc.METHOD_NOT_FOUND),
        (b'{"jsonrpc": "2.0", "method": "build", "params": {}}', jsonrpc.INVALID_PARAMS),
        (
            b'{"jsonrpc": "2.0", "method": "close_transport", "params": {"n": 1}, "id": 1}',
            jsonrpc.INVALID_PARAMS,
        ),
        (b"no JSON", jsonrpc.PARSE_ERROR),
    ],
)
def test_malformed_requests(line: bytes, code: int) -> None:
    written = io.BytesIO()
    methods = {
        "build": jsonrpc.Method(("options",), lambda options: None),
        "close_transport": jsonrpc.Method((), lambda: None),
    }
    jsonrpc.serve(methods, io.BytesIO(line + b"\n"), written)
    assert json.loads(written.getvalue())["error"]["code"] == code


def test_a_python_without_sqtvm_hands_over(tmp_path: Path) -> None:
    """As TVM's own environment is: its TVM and sqtvm's cannot share one."""
    folder = templates_directory() / "baremetal"
    launcher = tmp_path / "python-of-sqtvm"
    launcher.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} "$@"\n')
    launcher.chmod(0o755)
    with server(
        folder, PYTHONPATH=str(tmp_path), PYTHONSAFEPATH="1", SQTVM_PYTHON=str(launcher)
    ) as ask:
        assert ask("server_info_query", tvm_version="0.18.0")["is_template"] is True


def test_both_templates_have_the_same_server() -> None:
    first, second = (
        (templates_directory() / name / "microtvm_api_server.py").read_bytes()
        for name in ("baremetal", "zephyr")
    )
    assert first == second
