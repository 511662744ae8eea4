"""What lies where: the image in the board's memories, the tensors in the workspace."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from pydantic import TypeAdapter

from sqtvm.compile.memory_plan import PlannedTensor
from sqtvm.firmware.boards import Board
from sqtvm.firmware.memory_use import ImageSection
from sqtvm.report import schema

_Kind = Literal["weights", "code", "constants", "workspace", "data", "stack"]
# By the names in our linker scripts.
_PIECES: Mapping[str, tuple[str, _Kind]] = {
    ".weights": ("weights", "weights"),
    ".text": ("code", "code"),
    ".vectors": ("vectors", "code"),
    ".boot": ("boot block", "code"),
    ".rodata": ("constants", "constants"),
    ".workspace": ("workspace", "workspace"),
    ".stack": ("stack", "stack"),
    ".data": ("data", "data"),
    ".bss": ("zeroed data", "data"),
}
_TENSOR_KIND: TypeAdapter[Literal["input", "output", "scratch"]] = TypeAdapter(
    Literal["input", "output", "scratch"]
)


def memory_map(board: Board, image: Sequence[ImageSection]) -> tuple[schema.RegionPart, ...]:
    """Every memory of the board, also those that nothing lies in; empty without an image."""
    if not image:
        return ()
    pieces = [piece for section in image for piece in _pieces(section)]
    return tuple(
        schema.RegionPart(
            name=region.name,
            kind=region.kind,
            origin=region.origin,
            size=region.size,
            pieces=tuple(
                sorted(
                    (piece for piece in pieces if region.origin <= piece.origin < region.end),
                    key=lambda piece: piece.origin,
                )
            ),
        )
        for region in board.memory
    )


def workspace(
    tensors: Sequence[PlannedTensor], layer_names: Sequence[str]
) -> tuple[schema.TensorPart, ...]:
    """The tensors with their layers' names, in the order they come to life."""
    return tuple(
        schema.TensorPart(
            name="input" if tensor.layer is None else layer_names[tensor.layer],
            kind=_TENSOR_KIND.validate_python(
                "input" if tensor.layer is None else "scratch" if tensor.scratch else "output"
            ),
            offset=tensor.offset,
            size=tensor.size,
            first=tensor.first,
            last=tensor.last,
        )
        for tensor in sorted(tensors, key=lambda tensor: (tensor.first, tensor.offset))
    )


def _pieces(section: ImageSection) -> Iterator[schema.PiecePart]:
    name, kind = _PIECES.get(section.name, (section.name, "constants"))
    yield schema.PiecePart(name=name, kind=kind, origin=section.origin, size=section.size)
    if section.loaded_from is not None:
        yield schema.PiecePart(
            name=f"{name}, to be copied", kind=kind, origin=section.loaded_from, size=section.size
        )
