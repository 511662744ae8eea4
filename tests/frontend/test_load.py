from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from sqtvm.errors import DataError, ModelError
from sqtvm.frontend.execute import execute
from sqtvm.frontend.load import load_model
from sqtvm.frontend.model import Samples

MODELS = """
import torch
from torch import nn

def small():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(72, 3)
    )

def series():
    return nn.Sequential(nn.Conv1d(4, 2, 3), nn.Flatten(), nn.Linear(12, 3))

number = lambda: 3
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "some_models.py").write_text(MODELS)
    for name, count in (("data", 50), ("training", 40), ("calibration", 8)):
        write(name, np.random.default_rng(count).normal(size=(count, 8, 8)))
    yield tmp_path
    sys.modules.pop("some_models", None)


def write(name: str, x: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> None:
    np.savez(f"{name}.npz", x=x.astype(np.float32), y=np.arange(len(x)) % 3)


def rows(samples: Samples) -> set[bytes]:
    return {x.tobytes() for x in samples.x}


def test_a_factory_gives_a_model_in_eval_mode() -> None:
    model = load_model("some_models:small", "data.npz", "calibration.npz", "training.npz")
    assert model.name == "some_models:small"
    assert model.graph.input.shape == (1, 8, 8)
    assert (len(model.calibration), len(model.evaluation)) == (8, 50)
    assert model.training is not None
    assert len(model.training) == 40
    assert model.evaluation.x.shape == (50, 1, 8, 8)
    module = sys.modules["some_models"].small().eval()
    x = torch.from_numpy(model.evaluation.x)
    with torch.no_grad():
        torch.testing.assert_close(execute(model.graph, x), module(x))


def test_files_give_the_same_model(folder: Path) -> None:
    sys.path.insert(0, str(folder))
    try:
        from some_models import small  # type: ignore[import-not-found]
    finally:
        sys.path.remove(str(folder))
    module = small().eval()
    example = (torch.zeros(2, 1, 8, 8),)
    torch.export.save(torch.export.export(module, example), "net.pt2")
    torch.onnx.export(module, example, "net.onnx", dynamo=True, external_data=False)
    expected = load_model("some_models:small", "data.npz")
    for spec in ("net.pt2", "net.onnx"):
        model = load_model(spec, "data.npz")
        assert model.name == "net"
        assert [n.name for n in model.graph.nodes] == [n.name for n in expected.graph.nodes]
        for one, other in zip(model.graph.weighted, expected.graph.weighted, strict=True):
            assert isinstance(one.op, type(other.op))
        x = torch.from_numpy(model.evaluation.x)
        torch.testing.assert_close(execute(model.graph, x), execute(expected.graph, x))


def test_calibration_comes_from_the_training_data() -> None:
    model = load_model(
        "some_models:small", "data.npz", training_source="training.npz", calibration_samples=10
    )
    assert model.training is not None
    assert len(rows(model.calibration)) == 10
    assert rows(model.calibration) <= rows(model.training)
    assert len(model.evaluation) == 50


def test_samples_to_calibrate_are_not_evaluated() -> None:
    model = load_model("some_models:small", "data.npz", calibration_samples=10)
    assert len(rows(model.calibration)) == 10
    assert len(rows(model.evaluation)) == 40
    assert not rows(model.calibration) & rows(model.evaluation)
    assert model.calibration.y is not None
    assert model.training is None


def test_a_seed_gives_the_same_samples() -> None:
    def drawn(seed: int) -> set[bytes]:
        model = load_model("some_models:small", "data.npz", calibration_samples=10, seed=seed)
        return rows(model.calibration)

    assert drawn(3) == drawn(3)
    assert drawn(3) != drawn(4)


def test_at_most_half_of_the_data_calibrates() -> None:
    model = load_model("some_models:small", "data.npz")
    assert (len(model.calibration), len(model.evaluation)) == (25, 25)


def test_a_series_is_read_with_its_channels() -> None:
    write("series", np.zeros((6, 4, 8)))
    model = load_model("some_models:series", "series.npz")
    assert model.evaluation.x.shape == (3, 4, 1, 8)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("some_models:number", "gives a int, not a torch module"),
        ("some_models:missing", "some_models has no missing"),
        ("weights.pth", "weights.pth is no model that sqtvm reads"),
        ("missing.pt2", "missing.pt2 does not exist"),
        ("missing.onnx", "missing.onnx or its data is missing"),
    ],
)
def test_wrong_models_are_told(spec: str, message: str) -> None:
    with pytest.raises(ModelError, match=message) as caught:
        load_model(spec, "data.npz")
    assert caught.value.hint


def test_data_that_does_not_fit_is_told() -> None:
    write("wide", np.zeros((6, 8, 9)))
    torch.export.save(torch.export.export(nn.ReLU(), (torch.zeros(2, 1, 8, 8),)), "relu.pt2")
    with pytest.raises(DataError, match=r"wide.npz has samples of shape \[8, 9\]"):
        load_model("relu.pt2", "wide.npz")
    with pytest.raises(DataError, match=r"wide.npz has samples of shape \[8, 9\]"):
        load_model("some_models:small", "data.npz", "wide.npz")


def test_one_sample_is_too_few() -> None:
    write("one", np.zeros((1, 8, 8)))
    with pytest.raises(DataError, match="has one sample"):
        load_model("some_models:small", "one.npz")
