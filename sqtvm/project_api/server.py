"""What TVM asks a template or a project for, as its Project API defines it."""

from __future__ import annotations

import argparse
import base64
import json
import logging
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from sqtvm.errors import SqtvmError, ToolError
from sqtvm.firmware.boards import Board, board_names, load_board
from sqtvm.firmware.build import Variant, build, image_path
from sqtvm.firmware.edits import PROJECT_FILE
from sqtvm.firmware.flash_project import flash_project
from sqtvm.firmware.project import Project, generate, open_project, remember
from sqtvm.measure.target import AUTO
from sqtvm.project_api.jsonrpc import Method, ReplyError, serve
from sqtvm.project_api.transport import TIMEOUTS, Transport

PROTOCOL_VERSION = 1
# A project's own copy of what it was made from.
ARCHIVE_NAME = "model.tar"
_SERVER_NAME = "microtvm_api_server.py"
_OLDEST_TVM = (0, 8)

_LOG = logging.getLogger(__name__)


class ProjectServer:
    """Serves the template, or the project, in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._transport: Transport | None = None

    def methods(self) -> Mapping[str, Method]:
        """Every method of the Project API by name."""
        return {
            "server_info_query": Method(("tvm_version",), self._server_info_query),
            "generate_project": Method(
                ("model_library_format_path", "standalone_crt_dir", "project_dir", "options"),
                self._generate_project,
            ),
            "build": Method(("options",), self._build),
            "flash": Method(("options",), self._flash),
            "open_transport": Method(("options",), self._open_transport),
            "close_transport": Method((), self.close),
            "read_transport": Method(("n", "timeout_sec"), self._read_transport),
            "write_transport": Method(("data", "timeout_sec"), self._write_transport),
        }

    @property
    def is_template(self) -> bool:
        return not (self._folder / PROJECT_FILE).is_file()

    def _server_info_query(self, tvm_version: str) -> dict[str, Any]:
        version = re.match(r"(\d+)\.(\d+)", tvm_version)
        if version is None or (int(version[1]), int(version[2])) < _OLDEST_TVM:
            raise ReplyError("UnsupportedTVMVersionError")
        archive = None if self.is_template else str(self._folder / ARCHIVE_NAME)
        return {
            "platform_name": f"sqtvm-{self._platform()}",
            "is_template": self.is_template,
            "model_library_format_path": archive,
            "project_options": _options(),
            "protocol_version": PROTOCOL_VERSION,
        }

    def _generate_project(
        self,
        model_library_format_path: str,
        standalone_crt_dir: str,
        project_dir: str,
        options: Mapping[str, Any],
    ) -> None:
        """standalone_crt_dir: TVM's C runtime, which the firmware does without."""
        if not self.is_template:
            raise SqtvmError(f"{self._folder}: is a project, not a template")
        archive, destination = Path(model_library_format_path), Path(project_dir)
        board = load_board(_text(options, "board"))
        generate(archive, board, destination, self._folder.name)
        shutil.copyfile(archive, destination / ARCHIVE_NAME)
        shutil.copyfile(self._folder / _SERVER_NAME, destination / _SERVER_NAME)
        remember(destination)

    def _build(self, options: Mapping[str, Any]) -> None:
        on_output = _LOG.info if options.get("verbose") else _LOG.debug
        build(self._project(options), _variant(options), on_output)

    def _flash(self, options: Mapping[str, Any]) -> None:
        project = self._project(options)
        # The emulator loads its image when the transport is opened.
        if _variant(options) == "board":
            flash_project(project)
        else:
            self._elf(project, options)

    def _open_transport(self, options: Mapping[str, Any]) -> dict[str, Any]:
        if self._transport is None:
            project = self._project(options)
            emulated = _variant(options) == "emulator"
            elf = self._elf(project, options) if emulated else None
            self._transport = Transport(project.board, elf, options.get("port") or AUTO)
        return {"timeouts": TIMEOUTS}

    def close(self) -> None:
        """Close the transport, where one is open."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()

    def _read_transport(self, n: int, timeout_sec: float | None) -> dict[str, str]:
        return {"data": base64.b85encode(self._open().read(n, timeout_sec)).decode()}

    def _write_transport(self, data: str, timeout_sec: float | None) -> None:
        """timeout_sec: the line has its own."""
        self._open().write(base64.b85decode(data))

    def _open(self) -> Transport:
        if self._transport is None:
            raise ReplyError("TransportClosedError")
        return self._transport

    def _platform(self) -> str:
        return self._folder.name if self.is_template else str(self._mark()["platform"])

    def _project(self, options: Mapping[str, Any]) -> Project:
        if self.is_template:
            raise SqtvmError(f"{self._folder}: is a template, not a project", "generate one first")
        return open_project(self._folder, self._board(options))

    def _board(self, options: Mapping[str, Any]) -> Board:
        return load_board(str(options.get("board") or self._mark()["board"]))

    def _mark(self) -> dict[str, Any]:
        mark: dict[str, Any] = json.loads((self._folder / PROJECT_FILE).read_text("utf-8"))
        return mark

    def _elf(self, project: Project, options: Mapping[str, Any]) -> Path:
        elf = image_path(project, _variant(options))
        if not elf.is_file():
            raise ToolError(f"{elf}: is not there", "build the project first")
        return elf


def main(folder: Path, arguments: list[str] | None = None) -> int:
    """Serve the folder on the descriptors that TVM's client hands over."""
    parser = argparse.ArgumentParser(description="microTVM Project API server of sqtvm")
    parser.add_argument("--read-fd", type=int, required=True, help="where requests come from")
    parser.add_argument("--write-fd", type=int, required=True, help="where replies go")
    parser.add_argument("--debug", action="store_true", help="log more, on standard error")
    chosen = parser.parse_args(arguments)
    logging.basicConfig(level="DEBUG" if chosen.debug else "INFO")
    server = ProjectServer(folder)
    with (
        os.fdopen(chosen.read_fd, "rb") as read_file,
        os.fdopen(chosen.write_fd, "wb") as write_file,
    ):
        try:
            serve(server.methods(), read_file, write_file)
        finally:
            server.close()
    return 0


def _variant(options: Mapping[str, Any]) -> Variant:
    variants: Mapping[str, Literal["board", "emulator"]] = {
        "board": "board",
        "emulator": "emulator",
    }
    chosen = str(options.get("variant") or "board")
    if chosen not in variants:
        raise SqtvmError(f"the option variant is board or emulator, not {chosen!r}")
    return variants[chosen]


def _text(options: Mapping[str, Any], name: str) -> str:
    value = options.get(name)
    if not value:
        raise SqtvmError(f"the option {name} is not given")
    return str(value)


def _options() -> list[dict[str, Any]]:
    """As TVM 0.9 to 0.18 describe options; 0.8 reads name, choices and help of them."""
    project = ["build", "flash", "open_transport"]

    def option(
        name: str, description: str, required: list[str], optional: list[str], **more: Any
    ) -> dict[str, Any]:
        return {
            "name": name,
            "choices": None,
            "default": None,
            "type": "str",
            "required": required or None,
            "optional": optional or None,
            "help": description,
            **more,
        }

    known = ", ".join(board_names())
    return [
        option(
            "board",
            f"a board of sqtvm ({known}), or the path of a board file",
            ["generate_project"],
            project,
        ),
        option(
            "variant",
            "the board's image, or the same application for the emulator",
            [],
            project,
            choices=["board", "emulator"],
            default="board",
        ),
        option("port", "the board's serial port; found by USB ids if left out", [], project[2:]),
        option(
            "verbose", "log what the compilers say", [], project[:1], type="bool", default=False
        ),
    ]
