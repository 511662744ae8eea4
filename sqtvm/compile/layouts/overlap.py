"""How far a kernel's output must begin before its input to be written over it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqtvm.frontend.graph import Shape


@dataclass(frozen=True)
class Step:
    """What a kernel does in one go: everything from ``reads_from`` on may be read, then bytes up
    to ``written`` of the output have been written."""

    reads_from: int
    written: int


def lead_bytes(steps: Sequence[Step], input_bytes: int) -> int:
    """The least lead with which no step reads what an earlier one has overwritten.

    Negative where the output may even begin after the input does; -input_bytes where it may lie
    anywhere, because all of the input is read before anything is written.
    """
    lead = -input_bytes
    needed = input_bytes
    for step, following in zip(reversed(steps[:-1]), reversed(steps[1:]), strict=True):
        needed = min(needed, following.reads_from)
        lead = max(lead, step.written - needed)
    return lead


def convolution_lead(
    source: Shape, output: Shape, *, top: int, stride: int, pointwise: bool, tile: int
) -> int:
    """conv2d.h's: ``tile`` positions at a time; the last three again where they are not a multiple
    of three.

    source, output: height, width, channels; top: rows of padding above; stride: in rows.
    pointwise: reads no other position than it writes; else whole rows from its window's first on.
    """
    height, width, channels = source
    out_height, out_width, out_channels = output
    positions = out_height * out_width
    starts = list(range(0, positions, tile))
    if positions >= tile == 3:
        starts[-1] = min(starts[-1], positions - tile)
    steps = []
    for start in starts:
        row = max(start // out_width * stride - top, 0)
        first = start * channels if pointwise else row * width * channels
        steps.append(Step(first, min(start + tile, positions) * out_channels))
    return lead_bytes(steps, height * width * channels)


def pooling_lead(source: Shape, output: Shape, *, top: int, stride: int) -> int:
    """pool.h's: value by value, each from the rows of its window; arguments as above."""
    height, width, channels = source
    out_height, out_width, _ = output
    steps = [
        Step(
            max(row * stride - top, 0) * width * channels, (row * out_width + column) * channels + 1
        )
        for row in range(out_height)
        for column in range(out_width)
    ]
    # A position's last channel reads its window once more after the others were written.
    last = [Step(step.reads_from, step.written + channels - 1) for step in steps]
    both = [step for pair in zip(steps, last, strict=True) for step in pair]
    return lead_bytes(both, height * width * channels)


def depthwise_in_place(
    source: Shape, output: Shape, *, top: int, stride: int, kernel_height: int
) -> bool:
    """Whether depthwise.h may write over its input from the first byte on.

    It goes channel by channel, so that only bytes of a channel that was read are free, and reads
    each row of a channel once, before it writes the output row whose window ends there; rows that
    a path reads again it has not written to by then (depthwise.py).
    """
    in_height, in_width, _ = source
    out_height, out_width, _ = output
    steps = [
        Step(
            min(max((row - 1) * stride - top + kernel_height, 0) if row else 0, in_height)
            * in_width,
            (row + 1) * out_width,
        )
        for row in range(out_height)
    ]
    return (
        out_height * out_width <= in_height * in_width
        and lead_bytes(steps, in_height * in_width) <= 0
    )
