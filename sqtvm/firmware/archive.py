"""What a firmware project takes from a Model Library Format archive."""

from __future__ import annotations

import hashlib
import io
import json
import math
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from sqtvm.errors import SqtvmError
from sqtvm.input_file import require_regular

_HINT = "make one: sqtvm compile"
# No network for a microcontroller comes near.
_LARGEST = 1 << 30
# Two empty blocks end a .tar.
_END = bytes(1024)
_IDENTIFIER = r"^[A-Za-z_][A-Za-z0-9_]*$"


class Tensor(BaseModel):
    """An int8 tensor at the network's edge; real = scale * (value - zero_point)."""

    name: Annotated[str, Field(pattern=_IDENTIFIER)]
    shape: tuple[Annotated[int, Field(gt=0)], ...]
    scale: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    zero_point: Annotated[int, Field(ge=-128, le=127)]

    @property
    def bytes(self) -> int:
        return math.prod(self.shape)


class _Described(BaseModel):
    model: Annotated[str, Field(min_length=1)]
    input: Tensor
    output: Tensor
    layers: Annotated[tuple[str, ...], Field(min_length=1)]
    input_in_workspace: bool = False


@dataclass(frozen=True)
class NetworkArchive:
    """An archive that was read.

    sha256: of the whole file, hexadecimal; input_in_workspace: whether the workspace has room for
    the input, which an inference then overwrites; layers: names in number order; files: by path
    below ``codegen/host``, as in ``src/default_lib0.c``.
    """

    sha256: str
    model: str
    input: Tensor
    output: Tensor
    layers: tuple[str, ...]
    input_in_workspace: bool
    workspace_bytes: int
    constants_bytes: int
    files: Mapping[PurePosixPath, bytes]


def read_archive(path: Path) -> NetworkArchive:
    """Raises SqtvmError for a file that is no archive, or one that sqtvm did not make."""
    try:
        content = _whole(path)
        metadata, files = _read_tar(content)
        memory = metadata["modules"]["default"]["memory"]["functions"]["main"][0]
        described = _Described.model_validate(metadata["sqtvm"])
        return NetworkArchive(
            sha256=hashlib.sha256(content).hexdigest(),
            model=described.model,
            input=described.input,
            output=described.output,
            layers=described.layers,
            input_in_workspace=described.input_in_workspace,
            workspace_bytes=int(memory["workspace_size_bytes"]),
            constants_bytes=int(memory["constants_size_bytes"]),
            files=files,
        )
    except OSError as error:
        raise SqtvmError(f"{path}: cannot be read: {error.strerror or error}", _HINT) from error
    except tarfile.TarError as error:
        raise SqtvmError(f"{path}: is not a whole .tar archive: {error}", _HINT) from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in ("sqtvm", *first["loc"]))
        raise SqtvmError(f"{path}: metadata.json: {key}: {first['msg']}", _HINT) from error
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise SqtvmError(
            f"{path}: is not a Model Library Format archive that sqtvm made", _HINT
        ) from error


def _whole(path: Path) -> bytes:
    """The file's bytes; tarfile takes one that was cut off between two entries for whole."""
    if require_regular(path) > _LARGEST:
        raise tarfile.ReadError(f"it is larger than {_LARGEST} bytes")
    content = path.read_bytes()
    if not content.endswith(_END):
        raise tarfile.ReadError("its end is missing")
    return content


def _read_tar(content: bytes) -> tuple[dict[str, Any], Mapping[PurePosixPath, bytes]]:
    metadata: dict[str, Any] = {}
    files: dict[PurePosixPath, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as tar:
        for entry in tar:
            file = tar.extractfile(entry) if entry.isfile() else None
            if file is None:
                continue
            parts = PurePosixPath(entry.name).parts
            if ".." in parts or entry.name.startswith("/"):
                raise ValueError(f"{entry.name} leads out of the archive")
            if parts == ("metadata.json",):
                metadata = json.loads(file.read())
            elif parts[:2] == ("codegen", "host") and parts[2:3] in (("src",), ("include",)):
                files[PurePosixPath(*parts[2:])] = file.read()
    return metadata, files
