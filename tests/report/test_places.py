"""What lies where, from sections and planned tensors."""

from __future__ import annotations

from sqtvm.compile.memory_plan import PlannedTensor
from sqtvm.firmware.boards import load_board
from sqtvm.firmware.memory_use import ImageSection
from sqtvm.report.places import memory_map, workspace


def test_sections_lie_in_the_memory_of_their_address() -> None:
    board = load_board("stm32f746")
    image = (
        ImageSection(".text", 0x0800_0040, 100, True, None),
        ImageSection(".workspace", 0x2001_0000, 64, False, None),
        ImageSection(".data", 0x2000_0000, 8, True, 0x0800_00A4),
    )
    found = {region.name: region for region in memory_map(board, image)}
    assert [region.name for region in board.memory] == list(found)
    assert [(piece.name, piece.origin, piece.size) for piece in found["flash"].pieces] == [
        ("code", 0x0800_0040, 100),
        ("data, to be copied", 0x0800_00A4, 8),
    ]
    assert [piece.kind for piece in found["sram"].pieces] == ["workspace"]
    assert [piece.size for piece in found["dtcm"].pieces] == [8]
    assert memory_map(board, ()) == ()


def test_tensors_have_their_layers_names() -> None:
    parts = workspace(
        (
            PlannedTensor(1, True, 0, 4, 1, 1),
            PlannedTensor(0, False, 8, 4, 0, 1),
            PlannedTensor(None, False, 16, 4, 0, 0),
        ),
        ["conv", "linear"],
    )
    assert [(part.name, part.kind) for part in parts] == [
        ("conv", "output"),
        ("input", "input"),
        ("linear", "scratch"),
    ]
