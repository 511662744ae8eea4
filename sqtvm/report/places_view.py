"""What the page shows of memory: regions with their pieces, and the workspace over the layers."""

from __future__ import annotations

from dataclasses import dataclass

from sqtvm.report import numbers
from sqtvm.report.schema import PiecePart, RegionPart, Report

# Of the picture of the workspace.
WIDTH, HEIGHT = 960, 300
LEFT, RIGHT, TOP, BOTTOM = 56, 4, 8, 26


@dataclass(frozen=True)
class Region:
    """One memory; share: of it, that is used; drawn: how much of it the bar of the pieces stands
    for, from its beginning on, in words."""

    name: str
    kind: str
    span: str
    used: str
    size: str
    share: float
    drawn: str
    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class Piece:
    """x, width: shares of what is drawn of the memory; address: where it begins."""

    name: str
    kind: str
    address: str
    size: str
    x: float
    width: float


@dataclass(frozen=True)
class Box:
    """A tensor in the picture of the workspace."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    title: str


@dataclass(frozen=True)
class Plan:
    """y_ticks, x_ticks: places and labels."""

    boxes: tuple[Box, ...]
    y_ticks: tuple[tuple[float, str], ...]
    x_ticks: tuple[tuple[float, str], ...]


def regions(report: Report) -> tuple[Region, ...]:
    """The board's memories, those that nothing lies in last."""
    found = sorted(report.memory_map, key=lambda region: not region.pieces)
    return tuple(_region(region) for region in found)


def _region(region: RegionPart) -> Region:
    used = sum(piece.size for piece in region.pieces)
    extent = max((piece.origin + piece.size - region.origin for piece in region.pieces), default=1)
    return Region(
        name=region.name,
        kind={"flash": "flash", "ram": "RAM"}.get(region.kind, region.kind.replace("-", " ")),
        span=f"0x{region.origin:08x} to 0x{region.origin + region.size - 1:08x}",
        used=numbers.size(used),
        size=numbers.size(region.size),
        share=used / region.size,
        drawn=numbers.size(extent),
        pieces=tuple(_piece(region, piece, extent) for piece in region.pieces),
    )


def _piece(region: RegionPart, piece: PiecePart, extent: int) -> Piece:
    return Piece(
        name=piece.name,
        kind=piece.kind,
        address=f"0x{piece.origin:08x}",
        size=numbers.size(piece.size),
        x=(piece.origin - region.origin) / extent,
        width=piece.size / extent,
    )


def plan(report: Report) -> Plan | None:
    """Layers from left to right, addresses of the workspace upwards; None without a plan."""
    tensors, count = report.workspace, len(report.layers)
    if not tensors or not count:
        return None
    top = max(tensor.offset + tensor.size for tensor in tensors)
    step = (WIDTH - LEFT - RIGHT) / count
    unit = (HEIGHT - TOP - BOTTOM) / top
    boxes = tuple(
        Box(
            x=LEFT + tensor.first * step,
            y=HEIGHT - BOTTOM - (tensor.offset + tensor.size) * unit,
            width=(tensor.last - tensor.first + 1) * step,
            height=tensor.size * unit,
            kind=tensor.kind,
            title=f"{tensor.name}, {tensor.kind}: {numbers.size(tensor.size)} from "
            f"{tensor.offset:,} on",
        )
        for tensor in tensors
    )
    half = (HEIGHT - TOP - BOTTOM) / 2
    return Plan(
        boxes,
        y_ticks=(
            (HEIGHT - BOTTOM, "0"),
            (HEIGHT - BOTTOM - half, numbers.size(top / 2)),
            (float(TOP), numbers.size(top)),
        ),
        x_ticks=tuple((LEFT + (i + 0.5) * step, str(i + 1)) for i in range(count)),
    )
