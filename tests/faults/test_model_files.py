"""Model and data files that are broken or hostile."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from sqtvm import api
from sqtvm.errors import SqtvmError
from sqtvm.quantize.calibration import calibrate
from tests.cli.conftest import Run
from tests.faults.conftest import assert_one_clear_line, samples, tiny

ANALYZE = ("analyze", "--data", "samples.npz", "--quiet")


class Malicious:
    """Unpickling it leaves a file: the proof that code of the file ran."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return open, (str(self.proof), "w")


@pytest.mark.parametrize("suffix", ["pt2", "onnx"])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.7, 0.99])
def test_truncated_model(
    suffix: str, share: float, run: Run, folder: Path, request: pytest.FixtureRequest
) -> None:
    content: bytes = request.getfixturevalue(suffix)
    (folder / f"net.{suffix}").write_bytes(content[: int(share * len(content))])
    assert_one_clear_line(run(ANALYZE[0], f"net.{suffix}", *ANALYZE[1:]), f"net.{suffix}")


@pytest.mark.parametrize("suffix", ["pt2", "onnx"])
def test_huge_file_of_nothing(suffix: str, run: Run, folder: Path) -> None:
    with (folder / f"net.{suffix}").open("wb") as file:
        file.truncate(3_000_000_000)
    assert_one_clear_line(run(ANALYZE[0], f"net.{suffix}", *ANALYZE[1:]), f"net.{suffix}")


def test_malicious_pickles_of_a_pt2_never_run(run: Run, folder: Path, pt2: bytes) -> None:
    proof = folder / "proof"
    poison = pickle.dumps(Malicious(proof))
    with zipfile.ZipFile(io.BytesIO(pt2)) as whole:
        names = whole.namelist()
        for number, victim in enumerate(names):
            path = folder / f"poison{number}.pt2"
            with zipfile.ZipFile(path, "w") as poisoned:
                for name in names:
                    poisoned.writestr(name, poison if name == victim else whole.read(name))
            result = run("analyze", path.name, "--data", "samples.npz", "--quiet")
            assert result.exit_code in (0, 1), victim
            assert not proof.exists(), f"{victim} ran"
    (folder / "bare.pt2").write_bytes(poison)
    assert_one_clear_line(run(ANALYZE[0], "bare.pt2", *ANALYZE[1:]))
    assert not proof.exists()


def test_malicious_pickles_of_data_never_run(run: Run, folder: Path) -> None:
    proof = folder / "proof"
    x = np.array([Malicious(proof)], dtype=object)
    np.savez(folder / "bad.npz", x=x, y=np.zeros(1, int))
    assert_one_clear_line(run("analyze", "tiny_network:tiny", "--data", "bad.npz", "--quiet"))
    (folder / "worse.npz").write_bytes(pickle.dumps(Malicious(proof)))
    assert_one_clear_line(run("analyze", "tiny_network:tiny", "--data", "worse.npz", "--quiet"))
    assert not proof.exists()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers(value: float) -> None:
    net = tiny()
    with torch.no_grad():
        net[0].weight[1, 0, 1, 1] = value  # type: ignore[index, union-attr]
    with pytest.raises(SqtvmError) as caught:
        api.load(net, samples())
    assert "NaN" in str(caught.value) or "finite" in str(caught.value) or "inf" in str(caught.value)


@pytest.mark.parametrize("factor", [1e-40, 1e-20, 1e20, 1e38])
def test_weights_of_any_scale_quantize_or_are_refused(factor: float) -> None:
    net = tiny()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(factor)
    model = api.load(net, samples())
    try:
        found = calibrate(model.graph, model.calibration.x)
    except SqtvmError as error:
        said = str(error)
    else:
        said = ""
        assert all(0 < tensor.scale < np.inf for tensor in found.values())
    assert ("at most 1e+15 can be quantized" in said) == (factor > 1)


@pytest.mark.parametrize(
    "layer", [nn.GELU(), nn.LSTM(8, 8), nn.Conv3d(1, 1, 1), nn.ConvTranspose2d(1, 1, 3)]
)
def test_unknown_operators_are_named(layer: nn.Module) -> None:
    with pytest.raises(SqtvmError) as caught:
        api.load(nn.Sequential(layer), samples())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "arrays",
    [
        {"x": np.zeros((10, 3, 8, 8), np.float32), "y": np.zeros(10, int)},
        {"x": np.zeros((0, 1, 8, 8), np.float32), "y": np.zeros(0, int)},
        {"x": np.zeros((10, 1, 8, 8), np.float32), "y": np.zeros(9, int)},
        {"x": np.zeros((10, 1, 8, 8), np.float32), "y": np.full(10, 7)},
        {"x": np.zeros((10, 1, 8, 8), np.float32), "y": np.zeros((10, 3))},
        {"x": np.full((10, 1, 8, 8), np.nan, np.float32), "y": np.zeros(10, int)},
        {"x": np.zeros((10, 1, 8, 8), np.complex64)},
        {"x": np.zeros(10, np.float32)},
        {"y": np.zeros(10, int)},
        {},
    ],
)
def test_wrong_data(arrays: dict[str, np.ndarray], run: Run, folder: Path) -> None:
    np.savez(folder / "bad.npz", **arrays)
    assert_one_clear_line(run("analyze", "tiny_network:tiny", "--data", "bad.npz", "--quiet"))


@given(cut=st.integers(0, 100), place=st.floats(0, 1), noise=st.binary(min_size=1, max_size=40))
@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@pytest.mark.parametrize("suffix", ["pt2", "onnx"])
def test_files_with_bytes_changed_load_or_say_why(
    suffix: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    cut: int,
    place: float,
    noise: bytes,
) -> None:
    content = bytearray(request.getfixturevalue(suffix))
    at = int(place * len(content))
    content[at : at + cut] = noise
    path = tmp_path / f"net.{suffix}"
    path.write_bytes(content)
    said = "loaded"
    try:
        api.load(path, samples())
    except SqtvmError as error:
        said = str(error)
    assert said
    assert "\n" not in said.strip()
