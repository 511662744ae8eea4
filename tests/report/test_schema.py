from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from sqtvm.errors import SqtvmError
from sqtvm.report.schema import (
    FrontPart,
    IterationPart,
    LayerPart,
    PiecePart,
    RegionPart,
    Report,
    TensorPart,
    TotalsPart,
)
from sqtvm.report.write import read_report, to_json, write_report
from tests.report.samples import report


def test_json_comes_back_as_it_was() -> None:
    written = report()
    assert Report.model_validate_json(to_json(written)) == written


def test_keys_are_the_documented_ones() -> None:
    content = json.loads(to_json(report()))
    assert {"float", "int8", "allocated", "uniform", "samples"} == set(content["accuracy"])
    assert {"8", "4", "2"} == set(content["accuracy"]["uniform"])
    documented = {
        "name", "op", "weight_bits", "act_bits", "params", "macs", "weight_bytes", "sigma", "kl",
        "instructions", "est_cycles", "measured_cycles", "ms",
    }  # fmt: skip
    assert documented <= set(content["layers"][0])
    totals = {"ms", "ms_source", "instructions", "flash_bytes", "ram_bytes", "energy_mj"}
    assert totals <= set(content["totals"])
    top = {
        "board", "model", "data", "accuracy", "layers", "totals", "budget", "met", "verdicts",
        "verification", "iterations", "tool_versions", "seed",
    }  # fmt: skip
    assert top <= set(content)


def test_met_must_be_what_the_verdicts_say() -> None:
    content = json.loads(to_json(report(limit_ms=30)))
    assert content["met"] is False
    content["met"] = True
    with pytest.raises(ValidationError, match="met is not what the verdicts say"):
        Report.model_validate(content)


def test_unknown_key_is_refused() -> None:
    content = json.loads(to_json(report()))
    content["layers"][0]["speed"] = 1
    with pytest.raises(ValidationError, match="speed"):
        Report.model_validate(content)


def test_files_are_written_whole_and_alone(tmp_path: Path) -> None:
    paths = write_report(report(), tmp_path / "new" / "folder")
    names = sorted(path.name for path in (tmp_path / "new" / "folder").iterdir())
    pictures = ("accuracy", "front", "layers", "memory")
    files = [f"{name}.{kind}" for name in pictures for kind in ("png", "svg")]
    assert names == [*files, "report.html", "report.json"]
    assert sorted(path.name for path in paths) == names
    assert (tmp_path / "new" / "folder" / "layers.png").read_bytes().startswith(b"\x89PNG")


def test_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SqtvmError, match=r"file.*cannot be written|cannot be written.*file"):
        write_report(report(), tmp_path / "file")


@pytest.mark.parametrize("content", ["", "{", "{}", '{"met": 3}'])
def test_what_is_no_report_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "report.json"
    path.write_text(content)
    with pytest.raises(SqtvmError, match=r"report\.json"):
        read_report(path)


def test_readme_documents_every_key() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    section = readme.partition("## report.json")[2].partition("\n## ")[0]
    documented = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]*)`", section))))
    parts = (
        Report,
        LayerPart,
        RegionPart,
        PiecePart,
        TensorPart,
        TotalsPart,
        FrontPart,
        IterationPart,
    )
    keys = {key for part in parts for key in part.model_fields}
    assert keys - documented == set()
