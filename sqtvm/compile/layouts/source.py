"""The text of one specialised C function."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from sqtvm.compile.kernel_call import KernelCall

Field: TypeAlias = tuple[str, int]

_C_TYPE = {"uint8": "uint8_t", "int8": "int8_t", "int32": "int32_t"}


def structure(type_name: str, variable: str, fields: Sequence[Field]) -> str:
    """A C definition with designated initialisers."""
    values = ", ".join(f".{name} = {value}" for name, value in fields)
    return f"{type_name} {variable} = {{{values}}};"


def definition(
    family: str,
    geometry: Sequence[int],
    body: Sequence[str],
    *,
    headers: tuple[str, ...],
    inputs: int,
    constants: tuple[NDArray[np.generic], ...],
    scratch_bytes: int,
) -> KernelCall:
    """A kernel call whose function is named for ``geometry``: all that ``body`` depends on."""
    text = "_".join(str(value) for value in geometry)
    digest = hashlib.sha256(f"{family}:{text}".encode()).hexdigest()[:8]
    function = f"sqtvm_{family}_{digest}"
    arguments = [f"const int8_t *x{index}" for index in range(inputs)]
    arguments += [
        f"const {_C_TYPE[constant.dtype.name]} *c{index}"
        for index, constant in enumerate(constants)
    ]
    arguments.append("int8_t *y")
    if scratch_bytes:
        arguments.append("uint8_t *scratch")
    source = "\n".join([f"SQTVM_KERNEL void {function}({', '.join(arguments)}) {{", *body, "}"])
    return KernelCall(function, source, headers, constants, scratch_bytes)
