from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from sqtvm.measure.store import CostStore
from tests.cli.conftest import Run
from tests.measure.test_store import row


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CostStore:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    store = CostStore()
    store.put([row("conv"), row("conv", bits=4), row("linear", "stm32f446")])
    return store


def test_the_list_counts_by_board(run: Run, kept: CostStore) -> None:
    result = run("store", "list")
    assert result.exit_code == 0, result.stderr
    assert "3 costs in" in result.stdout
    listed = json.loads(run("store", "list", "--board", "stm32f746", "--json").stdout)
    assert [(group["board"], group["rows"]) for group in listed] == [("stm32f746", 2)]


def test_one_is_shown_by_its_name(run: Run, kept: CostStore) -> None:
    result = run("store", "show", "lin")
    assert "linear" in result.stdout
    assert "905" in result.stdout or "906" in result.stdout
    assert "conv" not in result.stdout.replace("3x3", "")
    unknown = run("store", "show", "nothing")
    assert unknown.exit_code == 1
    assert "nothing is known" in unknown.stderr


def test_pruning_says_what(run: Run, kept: CostStore) -> None:
    assert run("store", "prune").exit_code == 1
    assert run("store", "prune", "--older-than", "9999999").exit_code == 2
    assert len(kept.rows()) == 3
    assert "1 costs forgotten" in run("store", "prune", "--board", "stm32f446").stdout
    assert run("store", "prune", "--older-than", "1").stdout.startswith("0 costs")
    assert run("store", "prune", "--all").stdout.startswith("2 costs")
    assert kept.rows() == ()


def test_exports_are_whole(run: Run, kept: CostStore) -> None:
    rows = list(csv.DictReader(io.StringIO(run("store", "export").stdout)))
    assert [each["name"] for each in rows] == [each.name for each in kept.rows()]
    assert run("store", "export", "costs.json").exit_code == 0
    assert len(json.loads(Path("costs.json").read_text())) == 3
    assert run("store", "export", "costs.xml").exit_code == 1
    missing = run("store", "export", "nowhere/costs.csv")
    assert missing.exit_code == 1
    assert "nowhere/costs.csv cannot be written: No such file" in missing.stderr
