"""What layers and whole networks cost, kept from one deployment to the next.

One SQLite file in the user's cache folder, safe under several processes: SQLite locks it, writers
wait for each other, and a row is there whole or not at all.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, astuple, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from sqtvm.errors import MeasurementError

_VERSION = 2
_WAIT_SECONDS = 60
_KEYS_AT_ONCE = 500


@dataclass(frozen=True)
class CostKey:
    """All that the cost of a piece of code hangs on.

    kernel: a digest of its source with every header; compiler: its first line of ``--version``;
    flags: it is called with; board: name and digest of its file; shape: as a text; weight_bits: 0
    without weights; timing: the cycle model and its version, or ``board`` for its own counter.
    """

    kernel: str
    compiler: str
    flags: str
    board: str
    shape: str
    weight_bits: int
    timing: str

    @property
    def digest(self) -> str:
        return digest(*(str(part) for part in astuple(self)))


@dataclass(frozen=True)
class CostRow:
    """One measured cost.

    kind: of one layer, or of a whole firmware; name: of the kernel's function or the model;
    source: "emulated" or "measured"; cycles: estimated or the median of those measured, of one
    inference; cycles_low, cycles_high: the range of the estimate, or the least and most that were
    measured; runs: on a board, 0 in the emulator, where cycles repeat; instructions: None on
    boards; flash_* and ram_*: of whole firmware, bytes, 0 for a layer; layers: of whole firmware,
    its LayerMeasurements as JSON; created: UTC, ISO 8601.
    """

    key: str
    kind: Literal["layer", "firmware"]
    name: str
    board: str
    shape: str
    weight_bits: int
    compiler: str
    flags: str
    timing: str
    source: str
    instructions: int | None
    cycles: float
    ms: float
    cycles_low: float
    cycles_high: float
    runs: int = 0
    flash_weights: int = 0
    flash_code: int = 0
    flash_other: int = 0
    ram_workspace: int = 0
    ram_static: int = 0
    ram_stack: int = 0
    layers: str = "[]"
    created: str = ""


_COLUMNS = tuple(field.name for field in fields(CostRow))


def digest(*parts: str | bytes) -> str:
    """Hexadecimal; each part is digested alone, so that no two splits of a text are equal."""
    whole = hashlib.sha256()
    for part in parts:
        content = part.encode() if isinstance(part, str) else part
        whole.update(hashlib.sha256(content).digest())
    return whole.hexdigest()


def default_path() -> Path:
    """``$XDG_CACHE_HOME/sqtvm/costs.sqlite``, ``~/.cache`` where that is not set."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "sqtvm" / "costs.sqlite"


class CostStore:
    """The rows of one file, which is made where it is missing.

    Every method raises MeasurementError where the file is no such store or cannot be written.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path if path is not None else default_path()

    def get(self, keys: Iterable[str]) -> Mapping[str, CostRow]:
        """Those of ``keys`` that are known."""
        wanted = list(dict.fromkeys(keys))
        found: dict[str, CostRow] = {}
        with self._open() as database:
            for start in range(0, len(wanted), _KEYS_AT_ONCE):
                part = wanted[start : start + _KEYS_AT_ONCE]
                marks = ", ".join("?" * len(part))
                query = f"SELECT {', '.join(_COLUMNS)} FROM costs WHERE key IN ({marks})"
                for row in database.execute(query, part):
                    found[row[0]] = CostRow(*row)
        return found

    def put(self, rows: Iterable[CostRow]) -> None:
        """All of them or none; a row of a known key takes the old one's place."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        values = [tuple({**asdict(row), "created": row.created or now}.values()) for row in rows]
        marks = ", ".join("?" * len(_COLUMNS))
        with self._open() as database, database:
            database.executemany(f"INSERT OR REPLACE INTO costs VALUES ({marks})", values)

    def rows(self, board: str | None = None, kind: str | None = None) -> tuple[CostRow, ...]:
        """In the order of board, kind, name and bits."""
        query = (
            f"SELECT {', '.join(_COLUMNS)} FROM costs "
            "WHERE (?1 IS NULL OR board = ?1) AND (?2 IS NULL OR kind = ?2) "
            "ORDER BY board, kind, name, weight_bits, key"
        )
        with self._open() as database:
            return tuple(CostRow(*row) for row in database.execute(query, (board, kind)))

    def prune(self, board: str | None = None, before: datetime | None = None) -> int:
        """Forget the rows of a board, those before a time, those that are both, or all; how many
        they were."""
        limit = None if before is None else before.astimezone(UTC).isoformat(timespec="seconds")
        query = (
            "DELETE FROM costs WHERE (?1 IS NULL OR board = ?1) AND (?2 IS NULL OR created < ?2)"
        )
        with self._open() as database:
            with database:
                gone = database.execute(query, (board, limit)).rowcount
            database.execute("VACUUM")
            return int(gone)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        database: sqlite3.Connection | None = None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            database = sqlite3.connect(self.path, timeout=_WAIT_SECONDS)
            _prepare(database)
            database.execute("PRAGMA journal_mode = WAL")
            yield database
        except (sqlite3.Error, OSError) as error:
            raise MeasurementError(
                f"the store of costs {self.path} cannot be used: {error}",
                "check that its folder can be written to (XDG_CACHE_HOME names another); a damaged "
                "store may be deleted, everything in it can be measured again",
            ) from error
        finally:
            if database is not None:
                database.close()


def _prepare(database: sqlite3.Connection) -> None:
    """An empty table of this version; one of another is of no use and goes."""
    if database.execute("PRAGMA user_version").fetchone()[0] == _VERSION:
        return
    kinds = {"int": "INTEGER", "int | None": "INTEGER", "float": "REAL"}
    columns = ", ".join(
        f"{each.name} {kinds.get(str(each.type), 'TEXT')}" for each in fields(CostRow)
    )
    with database:
        database.execute("BEGIN IMMEDIATE")
        if database.execute("PRAGMA user_version").fetchone()[0] == _VERSION:
            return
        others = "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'costs'"
        if database.execute(others).fetchone():
            raise sqlite3.DatabaseError("it is a database of another program")
        database.execute("DROP TABLE IF EXISTS costs")
        database.execute(f"CREATE TABLE costs ({columns}, PRIMARY KEY (key))")
        database.execute(f"PRAGMA user_version = {_VERSION}")
