"""Which memory is chosen for what."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sqtvm.firmware.boards import load_board
from sqtvm.firmware.layout import Placed, emulated_memory, place

BOARD = load_board("stm32f746")


def test_all_in_the_fastest_memory_where_it_has_room() -> None:
    assert place(BOARD, 40_000, 800, 20) == Placed("dtcm", "dtcm", "dtcm")


def test_the_workspace_comes_before_stack_and_data() -> None:
    assert place(BOARD, 64 * 1024, 800, 20) == Placed("dtcm", "sram", "sram")
    assert place(BOARD, 64 * 1024 + 1, 800, 20) == Placed("sram", "dtcm", "dtcm")


def test_what_fits_nowhere_goes_to_the_largest() -> None:
    assert place(BOARD, 1 << 20, 800, 20).workspace == "sram"


@given(st.integers(0, 400_000), st.integers(0, 70_000), st.integers(1, 200))
def test_a_memory_is_passed_over_only_for_want_of_room(
    workspace: int, tensors: int, layers: int
) -> None:
    placed = place(BOARD, workspace, tensors, layers)
    sizes = {region.name: region.size for region in BOARD.memory}
    if placed.workspace == "sram":
        assert workspace > sizes["dtcm"]
    left = sizes["dtcm"] - (workspace if placed.workspace == "dtcm" else 0)
    assert (placed.stack == "dtcm") == (left >= BOARD.stack_bytes)


def test_the_emulator_has_the_boards_sizes_at_its_own_addresses() -> None:
    emulated = {region.name: (region.origin, region.size) for region in emulated_memory(BOARD)}
    assert emulated == {
        "flash": (0, 0x10_0000),
        "dtcm": (0x2000_0000, 0x1_0000),
        "sram": (0x2001_0000, 0x4_0000),
    }
