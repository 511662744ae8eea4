"""The text of one specialised C function."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from sqtvm.compile.kernel_call import KernelCall, KernelStyle, Overlap

Field: TypeAlias = tuple[str, int]

_C_TYPE = {"uint8": "uint8_t", "int8": "int8_t", "int32": "int32_t"}


@dataclass(frozen=True)
class Structure:
    """A C structure of int32 members only, all given, in the order of its declaration."""

    type_name: str
    variable: str
    fields: tuple[Field, ...]

    @property
    def values(self) -> tuple[int, ...]:
        return tuple(value for _, value in self.fields)

    def as_constant(self) -> str:
        """Its definition with the values in the text."""
        values = ", ".join(f".{name} = {value}" for name, value in self.fields)
        return f"  static const {self.type_name} {self.variable} = {{{values}}};"

    def as_read(self, argument: str, first: int) -> str:
        """Its definition with the values read from an int32_t array, beginning at ``first``."""
        source = f"(const {self.type_name} *)(const void *)({argument} + {first})"
        return f"  const {self.type_name} {self.variable} = *{source};"


def definition(
    family: str,
    structures: Sequence[Structure],
    body: Sequence[str],
    style: KernelStyle,
    *,
    headers: tuple[str, ...],
    inputs: int,
    constants: tuple[NDArray[np.generic], ...],
    scratch_bytes: int,
    overlaps: tuple[Overlap | None, ...] | None = None,
    weight_bits: int = 0,
) -> KernelCall:
    """A kernel call whose function depends on ``structures`` alone.

    body: C statements that use the structures by their variables; in the compact style it must
    not hold any other number of the layer; overlaps: as KernelCall's, None for none.
    """
    lines: list[str] = []
    if style is not KernelStyle.COMPACT:
        function = _name(family, [value for one in structures for value in one.values])
        lines += [structure.as_constant() for structure in structures]
    else:
        function = f"sqtvm_compact_{family}"
        argument = f"c{len(constants)}"
        first = 0
        for structure in structures:
            lines.append(structure.as_read(argument, first))
            first += len(structure.fields)
        geometry = [value for one in structures for value in one.values]
        constants = (*constants, np.array(geometry, np.int32))
    signature = ", ".join(_arguments(inputs, constants, scratch_bytes))
    source = "\n".join([f"SQTVM_KERNEL void {function}({signature}) {{", *lines, *body, "}"])
    apart = (None,) * inputs
    return KernelCall(
        function, source, headers, constants, scratch_bytes, family, overlaps or apart, weight_bits
    )


def _name(family: str, geometry: Sequence[int]) -> str:
    text = "_".join(str(value) for value in geometry)
    digest = hashlib.sha256(f"{family}:{text}".encode()).hexdigest()[:8]
    return f"sqtvm_{family}_{digest}"


def _arguments(
    inputs: int, constants: Sequence[NDArray[np.generic]], scratch_bytes: int
) -> list[str]:
    arguments = [f"const int8_t *x{index}" for index in range(inputs)]
    arguments += [
        f"const {_C_TYPE[constant.dtype.name]} *c{index}"
        for index, constant in enumerate(constants)
    ]
    arguments.append("int8_t *y")
    if scratch_bytes:
        arguments.append("uint8_t *scratch")
    return arguments
