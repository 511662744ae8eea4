"""What goes into which memory, on the board and on the emulated machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqtvm.firmware.boards import Board, Region

# The protocol's two frames and answers, the drivers' and the C library's few words.
_STATIC_BYTES = 3072
_PROFILE_ENTRY_BYTES = 16


@dataclass(frozen=True)
class Placed:
    """The memories, by name, that were chosen among those that the board file allows."""

    workspace: str
    stack: str
    data: str


def place(board: Board, workspace_bytes: int, tensor_bytes: int, layers: int) -> Placed:
    """The fastest RAM with room for each: first the workspace, then the stack, then the data.

    tensor_bytes: of the network's input and output outside of the workspace. Where no memory has
    room the largest is
    taken, and linking says how many bytes are missing.
    """
    free = {region.name: region.size for region in board.memory}
    data_bytes = _STATIC_BYTES + tensor_bytes + _PROFILE_ENTRY_BYTES * layers
    return Placed(
        workspace=_take(free, board.placement.workspace, workspace_bytes),
        stack=_take(free, board.placement.stack, board.stack_bytes),
        data=_take(free, board.placement.data, data_bytes),
    )


def _take(free: dict[str, int], candidates: Sequence[str], wanted: int) -> str:
    fitting = (name for name in candidates if free[name] >= wanted)
    chosen = next(fitting, max(candidates, key=lambda name: free[name]))
    free[chosen] -= wanted
    return chosen


def emulated_memory(board: Board) -> tuple[Region, ...]:
    """The board's memories by name and size, one after the other at the emulator's addresses;
    unchanged where the emulated machine is the board itself."""
    emulator = board.emulator
    if emulator.flash is None or emulator.ram is None:
        return board.memory
    following = {"flash": emulator.flash.origin, "ram": emulator.ram.origin}
    regions = []
    for region in board.memory:
        if region.kind in following:
            regions.append(region.model_copy(update={"origin": following[region.kind]}))
            following[region.kind] += region.size
    return tuple(regions)
