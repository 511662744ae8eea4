"""JSON-RPC 2.0, a request and a reply a line, over two file descriptors."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeAlias

from sqtvm.errors import SqtvmError

_LOG = logging.getLogger(__name__)

SERVER_ERROR = -32000
PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602

Parameters: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class Method:
    """parameters: the names that a request has to give, all of them and no other."""

    parameters: tuple[str, ...]
    call: Callable[..., Any]


class ReplyError(Exception):
    """Becomes the reply's error. TVM's client knows some of code SERVER_ERROR by their message:
    ``IoTimeoutError``, ``TransportClosedError``, ``UnsupportedTVMVersionError``."""

    def __init__(self, message: str, code: int = SERVER_ERROR) -> None:
        super().__init__(message)
        self.code = code


def serve(methods: Mapping[str, Method], read_file: BinaryIO, write_file: BinaryIO) -> None:
    """Answer requests until the other end closes, or sends what is no JSON."""
    while line := read_file.readline():
        try:
            request = json.loads(line)
        except ValueError as error:
            _reply(write_file, None, error=_described(ReplyError(str(error), PARSE_ERROR)))
            return
        identifier = request.get("id") if isinstance(request, dict) else None
        try:
            result = _dispatch(methods, request)
        # Whatever goes wrong in a method is the client's to know.
        except Exception as error:
            _LOG.debug("a request failed", exc_info=True)
            _reply(write_file, identifier, error=_described(error))
        else:
            _reply(write_file, identifier, result=result)


def _dispatch(methods: Mapping[str, Method], request: Any) -> Any:
    if not isinstance(request, dict) or request.get("jsonrpc") != "2.0":
        raise ReplyError("the request is not of JSON-RPC 2.0", INVALID_REQUEST)
    name, parameters = request.get("method"), request.get("params")
    if not isinstance(name, str) or not isinstance(parameters, dict):
        raise ReplyError("the request has no method or no params", INVALID_REQUEST)
    method = methods.get(name)
    if method is None:
        raise ReplyError(f"{name}: no such method", METHOD_NOT_FOUND)
    for missing in (key for key in method.parameters if key not in parameters):
        raise ReplyError(f"method {name}: parameter {missing} not given", INVALID_PARAMS)
    extra = [key for key in parameters if key not in method.parameters]
    if extra:
        raise ReplyError(f"{name}: extra parameters: {', '.join(extra)}", INVALID_PARAMS)
    return method.call(**parameters)


def _described(error: Exception) -> dict[str, Any]:
    if isinstance(error, ReplyError):
        return {"code": error.code, "message": str(error), "data": None}
    if isinstance(error, SqtvmError):
        message = f"{error} ({error.hint})" if error.hint else str(error)
        return {"code": SERVER_ERROR, "message": message, "data": None}
    trace = "".join(traceback.format_exception(error))
    return {"code": SERVER_ERROR, "message": repr(error), "data": {"traceback": trace}}


def _reply(write_file: BinaryIO, identifier: Any, **content: Any) -> None:
    reply = {"jsonrpc": "2.0", "id": identifier, **content}
    write_file.write(json.dumps(reply).encode() + b"\n")
    write_file.flush()
