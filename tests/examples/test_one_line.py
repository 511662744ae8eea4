"""Each example by the one line of its README, in a copy, as a user runs it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sqtvm.report.write import read_report
from tests.examples.conftest import EXAMPLES, NAMES, require_data

_LINE = re.compile(r"^cd examples/\w+ && .*$", re.MULTILINE)


def _line(name: str) -> str:
    (line,) = _LINE.findall((EXAMPLES / name / "README.md").read_text())
    return str(line)


@pytest.mark.parametrize("name", [*NAMES, "python_api"])
def test_readme_has_one_line_that_names_its_folder(name: str) -> None:
    assert _line(name).startswith(f"cd examples/{name} && ")


@pytest.mark.slow
@pytest.mark.parametrize("name", [*NAMES, "python_api"])
def test_the_line_deploys(name: str, tmp_path: Path) -> None:
    require_data(name)
    shutil.copytree(EXAMPLES, tmp_path / "examples", ignore=shutil.ignore_patterns("sqtvm-out"))
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    result = subprocess.run(
        ["bash", "-c", _line(name)],
        cwd=tmp_path,
        env={**os.environ, "PATH": programs, "MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    report = read_report(tmp_path / "examples" / name / "sqtvm-out" / "report.json")
    assert report.met
    assert report.verdicts, "a deployment without a budget shows nothing"
    assert report.verification is not None
    assert report.verification.equal_bytes
    if name == "anomaly":
        scores = dict(re.findall(r"(\w+): area under the ROC curve (0\.\d+)", result.stdout))
        assert float(scores["firmware"]) > float(scores["float"]) - 0.01
