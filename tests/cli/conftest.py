"""A pipeline that deploys nothing, and a runner of commands in an empty folder."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import pytest
from typer.testing import CliRunner, Result

from sqtvm.cli.app import app
from sqtvm.progress import OnProgress, Progress
from sqtvm.report.schema import Report
from sqtvm.settings import DeploySettings
from tests.report.samples import report


@dataclass(frozen=True)
class FakeResult:
    report: Report


@dataclass
class FakePipeline:
    """Takes the place of sqtvm.pipeline; error: what deploying raises instead of a report."""

    report: Report = field(default_factory=report)
    error: BaseException | None = None
    asked: list[DeploySettings] = field(default_factory=list)

    def deploy(self, settings: DeploySettings, on_progress: OnProgress) -> FakeResult:
        self.asked.append(settings)
        on_progress(Progress("load", "reading the model"))
        on_progress(Progress("measure", "running samples", 3, 100))
        if self.error is not None:
            raise self.error
        return FakeResult(self.report)


Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs ``sqtvm ARGUMENTS...`` in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(app, list(arguments))

    return invoke


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch) -> FakePipeline:
    fake = FakePipeline()
    module = ModuleType("sqtvm.pipeline")
    module.deploy = fake.deploy  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sqtvm.pipeline", module)
    monkeypatch.setattr("sqtvm.pipeline", module, raising=False)
    return fake
