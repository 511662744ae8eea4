"""Which of a board's memories lie behind caches, at the emulated machine's addresses."""

from __future__ import annotations

from sqtvm.firmware.boards import Board
from sqtvm.firmware.layout import emulated_memory
from sqtvm.measure.counting import LINE_BYTES, CachedMemory
from sqtvm.measure.cycles import CycleModel


def cached_memory(board: Board, model: CycleModel) -> CachedMemory | None:
    """None where the board has no caches, or the model does not know what they cost.

    Tightly coupled memories (``itcm``, ``dtcm``) are never cached.
    """
    caches = board.caches
    if model.memory is None or not caches.instruction_bytes or not caches.data_bytes:
        return None
    regions = [region for region in emulated_memory(board) if "tcm" not in region.name]
    spans = {
        kind: [(region.origin, region.end) for region in regions if region.kind == kind]
        for kind in ("flash", "ram")
    }
    return CachedMemory(
        code_cache=(
            model.memory.code_ways,
            _sets(caches.instruction_bytes, model.memory.code_ways),
        ),
        data_cache=(model.memory.data_ways, _sets(caches.data_bytes, model.memory.data_ways)),
        flash=_hull(spans["flash"]),
        ram=_hull(spans["ram"]) if spans["ram"] else None,
    )


def _sets(size: int, ways: int) -> int:
    return size // (ways * LINE_BYTES)


def _hull(spans: list[tuple[int, int]]) -> tuple[int, int]:
    return min(first for first, _ in spans), max(end for _, end in spans)
