"""The store of costs, alone and under several processes."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sqtvm.errors import MeasurementError
from sqtvm.measure.store import CostKey, CostRow, CostStore, default_path, digest

KEY = CostKey("kernel", "gcc 12.2", "-O3", "stm32f746", "3x3", 8, "cortex-m7 v1")


def row(name: str = "conv", board: str = "stm32f746", bits: int = 8) -> CostRow:
    return CostRow(
        key=digest(name, board, str(bits)),
        kind="layer",
        name=name,
        board=board,
        shape="3x3 16 to 16",
        weight_bits=bits,
        compiler="gcc 12.2",
        flags="-O3",
        timing="cortex-m7 v1",
        source="emulated",
        instructions=1000,
        cycles=905.5,
        ms=0.004,
        cycles_low=830.0,
        cycles_high=1050.0,
    )


def test_rows_come_back_as_they_were(tmp_path: Path) -> None:
    store = CostStore(tmp_path / "below" / "costs.sqlite")
    kept = row()
    store.put([kept])
    found = CostStore(store.path).get([kept.key, "unknown"])
    assert list(found) == [kept.key]
    assert replace(found[kept.key], created="") == kept
    assert found[kept.key].created


def test_the_same_key_is_one_row(tmp_path: Path) -> None:
    store = CostStore(tmp_path / "costs.sqlite")
    store.put([row()])
    store.put([replace(row(), cycles=7.0)])
    assert [found.cycles for found in store.rows()] == [7.0]


@pytest.mark.parametrize(
    "change",
    [
        {"kernel": "other"},
        {"compiler": "gcc 13"},
        {"flags": "-Os"},
        {"board": "stm32f446"},
        {"shape": "1x1"},
        {"weight_bits": 4},
        {"timing": "board"},
    ],
)
def test_everything_is_part_of_the_key(change: dict[str, object]) -> None:
    assert replace(KEY, **change).digest != KEY.digest  # type: ignore[arg-type]


def test_many_keys_at_once(tmp_path: Path) -> None:
    store = CostStore(tmp_path / "costs.sqlite")
    rows = [row(f"layer{number}") for number in range(1200)]
    store.put(rows)
    assert len(store.get(each.key for each in rows)) == 1200


def test_pruning_by_board_and_by_age(tmp_path: Path) -> None:
    store = CostStore(tmp_path / "costs.sqlite")
    old = replace(row("old"), created="2020-01-01T00:00:00+00:00")
    store.put([old, row("new"), row("other", "stm32f446")])
    assert store.prune(before=datetime(2021, 1, 1, tzinfo=UTC)) == 1
    assert [found.name for found in store.rows()] == ["other", "new"]
    assert store.prune(board="stm32f446") == 1
    assert [found.name for found in store.rows(board="stm32f746")] == ["new"]
    assert store.prune() == 1
    assert store.rows() == ()


_WRITER = """
import sys
from pathlib import Path
from dataclasses import replace
from sqtvm.measure.store import CostStore
from tests.measure.test_store import row
store = CostStore(Path(sys.argv[1]))
for number in range(25):
    store.put([row(f"{sys.argv[2]}-{number}"), replace(row("shared"), cycles=float(number))])
    assert store.get([row("shared").key])
"""


def test_several_processes_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "costs.sqlite"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(path), str(number)], stderr=subprocess.PIPE
        )
        for number in range(4)
    ]
    for writer in writers:
        _, errors = writer.communicate(timeout=60)
        assert writer.returncode == 0, errors.decode()
    assert len(CostStore(path).rows()) == 4 * 25 + 1


def test_a_store_of_another_version_is_emptied(tmp_path: Path) -> None:
    path = tmp_path / "costs.sqlite"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE costs (something TEXT)")
        database.execute("PRAGMA user_version = 99")
    store = CostStore(path)
    assert store.rows() == ()
    store.put([row()])
    assert len(store.rows()) == 1


def test_a_file_that_is_no_store_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "costs.sqlite"
    path.write_bytes(b"something else that is longer than a header of SQLite" * 20)
    with pytest.raises(MeasurementError, match="cannot be used") as caught:
        CostStore(path).rows()
    assert "delete" in caught.value.hint


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "mail.sqlite"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE letters (text)")
        database.execute("CREATE TABLE costs (postage)")
    before = path.read_bytes()
    with pytest.raises(MeasurementError, match="of another program"):
        CostStore(path).put([row("conv")])
    assert path.read_bytes() == before


def test_it_lies_in_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_path() == tmp_path / "sqtvm" / "costs.sqlite"
