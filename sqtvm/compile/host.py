"""Runs a compiled archive on the host: the second of the three places that must agree."""

from __future__ import annotations

import ctypes
import json
import math
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from sqtvm.compile.unpack import unpack
from sqtvm.errors import ToolError

_COMPILE_SECONDS = 300


class HostNetwork:
    """The archive's C, built with the host's compiler (portable kernels) and loaded.

    A context manager: the shared object lives in a temporary folder until it is closed.
    """

    def __init__(self, archive: Path, compiler: str = "cc") -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="sqtvm-host-")
        root = Path(self._folder.name)
        unpack(archive, root)
        described = json.loads((root / "metadata.json").read_text())["sqtvm"]
        self._input_shape = tuple(described["input"]["shape"][1:])
        self._output_shape = tuple(described["output"]["shape"][1:])
        self._run = ctypes.CDLL(str(_build(root, compiler))).tvmgen_default_run

    def __enter__(self) -> HostNetwork:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._folder.cleanup()

    def run(self, x: NDArray[np.int8]) -> NDArray[np.int8]:
        """int8 [batch, *input shape] to int8 [batch, *output shape], a sample at a time."""
        samples = np.ascontiguousarray(x, np.int8).reshape(-1, math.prod(self._input_shape))
        results = np.zeros((len(samples), math.prod(self._output_shape)), np.int8)
        for sample, result in zip(samples, results, strict=True):
            inputs = (ctypes.c_void_p * 1)(sample.ctypes.data)
            outputs = (ctypes.c_void_p * 1)(result.ctypes.data)
            status = self._run(ctypes.byref(inputs), ctypes.byref(outputs))
            if status != 0:
                raise ToolError(f"the compiled network returned {status} on the host")
        return results.reshape(-1, *self._output_shape)


def _build(root: Path, compiler: str) -> Path:
    if shutil.which(compiler) is None:
        raise ToolError(f"no host compiler named {compiler}", "install gcc; see sqtvm doctor")
    host = root / "codegen" / "host"
    library = root / "network.so"
    sources = [str(path) for path in sorted((host / "src").glob("*.c"))]
    command = [compiler, "-std=gnu11", "-O2", "-shared", "-fPIC", "-DSQTVM_PROFILE=0"]
    command += ["-I", str(host / "include"), "-o", str(library), *sources]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=_COMPILE_SECONDS
    )
    if done.returncode != 0:
        first = next((line for line in done.stderr.splitlines() if "error" in line), done.stderr)
        raise ToolError(f"the compiled network does not build on the host: {first}")
    return library
