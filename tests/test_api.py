"""The functions of Python: the same line as the command, on objects instead of files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import sqtvm
from sqtvm import api
from sqtvm.errors import DataError, SqtvmError
from sqtvm.progress import Progress
from sqtvm.report.schema import Report


def _net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3)
    )


def _arrays(count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    x = random.normal(size=(count, 1, 8, 8)).astype(np.float32)
    return x, random.integers(0, 3, count)


def test_deploy_of_objects_leaves_report_and_firmware(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[Progress] = []
    net = _net().train()
    result = sqtvm.deploy(
        net,
        _arrays(),
        board="stm32f746",
        budget=sqtvm.Budget(ms=50),
        out=tmp_path / "out",
        verify_samples=3,
        on_progress=seen.append,
    )
    assert result.report.met
    assert result.report.verification is not None
    assert result.report.verification.equal_bytes
    assert net.training, "the caller's module must stay as it was"
    assert {"load", "compile", "build", "measure"} <= {entry.stage for entry in seen}
    kept = Report.model_validate_json((tmp_path / "out" / "report.json").read_bytes())
    assert kept.settings.command.startswith(
        "sqtvm.deploy(Sequential, tuple, board='stm32f746', budget=sqtvm.Budget(ms=50)"
    )
    assert capsys.readouterr() == ("", ""), "the library prints nothing"


def test_stages_alone(tmp_path: Path) -> None:
    x, y = _arrays()
    dataset = torch.utils.data.TensorDataset(torch.from_numpy(x), torch.from_numpy(y))
    model = api.load(_net(), dataset)
    assert [layer.name for layer in api.analyze(model)] == ["0", "3"]
    allocation = api.allocate(model, board="stm32f746", budget=api.Budget(ms=50))
    archive = api.compile_model(
        model, allocation.weight_bits, board="stm32f746", out=tmp_path / "network.tar"
    )
    project, images = api.build(
        archive.path, board="stm32f746", out=tmp_path / "firmware", variants=("emulator",)
    )
    assert [image.firmware.variant for image in images] == ["emulator"]
    result = api.run(project.path, (x, y), samples=5)
    assert result.measurement.instructions is not None
    assert result.accuracy is not None


def test_arrays_without_labels_and_wrong_ones() -> None:
    x, y = _arrays()
    assert api.load(_net(), x).evaluation.y is None
    with pytest.raises(DataError, match="y of shape"):
        api.load(_net(), (x, y[:5]))
    with pytest.raises(DataError, match="NaN"):
        api.load(_net(), (x * np.nan, y))
    with pytest.raises(SqtvmError, match="nothing"):
        sqtvm.deploy(_net(), (x, y), board="nothing")


def test_importing_sqtvm_is_cheap() -> None:
    code = "import sys, sqtvm; sys.exit('torch' in sys.modules or 'tvm' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
