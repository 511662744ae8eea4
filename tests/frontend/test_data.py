from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqtvm.errors import DataError
from sqtvm.frontend.data import check_labels, fit_to_input, load_data
from sqtvm.frontend.model import Samples

DATASETS = """
import numpy as np
import torch
from torch.utils.data import Dataset, IterableDataset, Subset, TensorDataset

def pairs():
    return TensorDataset(torch.arange(12.0).reshape(6, 2), torch.arange(6) % 3)

def subset():
    return Subset(pairs(), range(6))

class Stream(IterableDataset):
    def __iter__(self):
        for index in range(1_000_000_000):
            yield np.full((1, 2), index, np.uint8), index

class Bad(Dataset):
    def __init__(self, *items):
        self.items = items
    def __len__(self):
        return len(self.items)
    def __getitem__(self, index):
        return self.items[index]

class Endless(Dataset):
    def __getitem__(self, index):
        return torch.zeros(2), 0

endless = Endless
stream = Stream
empty = Bad
no_pair = lambda: Bad((torch.zeros(2), 1), torch.zeros(2))
unlabelled = lambda: TensorDataset(torch.arange(12.0).reshape(6, 2))
unlabelled_subset = lambda: Subset(unlabelled(), range(6))
mixed = lambda: Bad(torch.zeros(2), (torch.zeros(2), 1))
ragged = lambda: Bad((torch.zeros(2), 1), (torch.zeros(3), 1))
labels = lambda: Bad((torch.zeros(2), torch.zeros(2)))
picture = lambda: Bad(("a picture", 1))
array = lambda: np.zeros((2, 2))
not_callable = 3

def fails():
    raise RuntimeError("the disk is full\\nand more")
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "some_datasets.py").write_text(DATASETS)
    (tmp_path / "needs_more.py").write_text("import surely_not_installed")
    (tmp_path / "broken.py").write_text("1 / 0")
    yield tmp_path
    for name in ("some_datasets", "needs_more", "broken"):
        sys.modules.pop(name, None)


def saved(**arrays: Any) -> str:
    np.savez("data.npz", **arrays)
    return "data.npz"


def test_an_npz_is_read_as_it_is() -> None:
    x = np.random.default_rng(0).normal(size=(5, 1, 3, 4)).astype(np.float32)
    samples = load_data(saved(x=x, y=np.arange(5, dtype=np.uint8)))
    np.testing.assert_array_equal(samples.x, x)
    assert samples.x.dtype == np.float32
    assert samples.y is not None
    assert samples.y.dtype == np.int64
    assert samples.y.tolist() == [0, 1, 2, 3, 4]
    assert samples.source == "data.npz"


def test_bytes_are_not_scaled() -> None:
    samples = load_data(saved(x=np.full((2, 3), 200, np.uint8)))
    assert samples.x.dtype == np.float32
    assert samples.x.tolist() == [[200.0] * 3] * 2
    assert samples.y is None


def test_labels_in_a_column_are_labels() -> None:
    samples = load_data(saved(x=np.zeros((2, 3)), y=np.array([[4], [5]])))
    assert samples.y is not None
    assert samples.y.tolist() == [4, 5]


@pytest.mark.parametrize("spec", ["some_datasets:pairs", "some_datasets:subset"])
def test_a_dataset_is_read_to_the_limit(spec: str) -> None:
    samples = load_data(spec)
    assert samples.x.tolist() == np.arange(12.0).reshape(6, 2).tolist()
    assert samples.y is not None
    assert samples.y.tolist() == [0, 1, 2, 0, 1, 2]
    assert len(load_data(spec, limit=4)) == 4
    assert len(load_data(saved(x=np.zeros((9, 3)), y=np.zeros(9, int)), limit=4)) == 4


@pytest.mark.parametrize("spec", ["some_datasets:unlabelled", "some_datasets:unlabelled_subset"])
def test_a_dataset_may_have_no_labels(spec: str) -> None:
    samples = load_data(spec, limit=4)
    assert samples.x.tolist() == np.arange(8.0).reshape(4, 2).tolist()
    assert samples.y is None


def test_a_stream_is_not_read_beyond_the_limit() -> None:
    samples = load_data("some_datasets:stream", limit=3)
    assert samples.x.shape == (3, 1, 2)
    assert samples.x[:, 0, 0].tolist() == [0.0, 1.0, 2.0]


ARRAYS: dict[str, tuple[dict[str, Any], str]] = {
    "no x": ({"images": np.zeros((2, 3))}, "holds images, but no x"),
    "one dimension": ({"x": np.zeros(3)}, "has x of shape [3]"),
    "no samples": ({"x": np.zeros((0, 3))}, "has no samples"),
    "whole numbers": ({"x": np.zeros((2, 3), np.int32)}, "has x of type int32"),
    "complex": ({"x": np.zeros((2, 3), complex)}, "has x of type complex128"),
    "NaN": ({"x": np.array([[0.0, np.nan]])}, "has NaN or infinity in x"),
    "too large": ({"x": np.array([[0.0, 1e300]])}, "has NaN or infinity in x"),
    "objects": ({"x": np.array([{}, {}], dtype=object)}, "cannot be read"),
    "too few labels": ({"x": np.zeros((2, 3)), "y": [1]}, "has y of shape [1] for 2 samples"),
    "one-hot": ({"x": np.zeros((2, 3)), "y": np.eye(2)}, "has y of shape [2, 2]"),
    "real labels": ({"x": np.zeros((2, 3)), "y": [0.5, 1.5]}, "has y of type float64"),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_wrong_arrays_are_told(name: str) -> None:
    arrays, message = ARRAYS[name]
    assert_error(saved(**arrays), message)


FACTORIES = {
    "some_datasets:empty": "has no samples",
    "some_datasets:no_pair": "sample 1 of some_datasets:no_pair is no pair",
    "some_datasets:mixed": "sample 1 of some_datasets:mixed has a label, those before have none",
    "some_datasets:ragged": "sample 1 of some_datasets:ragged has shape [3], not [2]",
    "some_datasets:labels": "sample 0 of some_datasets:labels has 2 labels",
    "some_datasets:picture": "sample 0 of some_datasets:picture holds a str",
    "some_datasets:array": "gives a ndarray, not a Dataset",
    "some_datasets:endless": "gives a Dataset without a length",
    "some_datasets:not_callable": "is no function",
    "some_datasets:missing": "some_datasets has no missing",
    "some_datasets:fails": "some_datasets:fails() failed with RuntimeError: the disk is full",
    "no_such_module:test": "there is no module no_such_module",
    "needs_more:test": "needs_more needs the module surely_not_installed",
    "broken:test": "importing broken failed with ZeroDivisionError",
    "missing.npz": "missing.npz does not exist",
    "images.png": "images.png is neither an .npz nor package.module:factory",
}


@pytest.mark.parametrize("spec", FACTORIES)
def test_wrong_specs_are_told(spec: str) -> None:
    assert_error(spec, FACTORIES[spec])


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_a_file_of_anything_is_an_error(content: bytes) -> None:
    Path("noise.npz").write_bytes(content)
    assert_error("noise.npz", "noise.npz")


def test_a_single_array_is_told(folder: Path) -> None:
    np.save(folder / "one.npy", np.zeros((2, 3)))
    (folder / "one.npy").rename("one.npz")
    assert_error("one.npz", "holds one array without a name, but no x")


def assert_error(spec: str, message: str) -> None:
    with pytest.raises(DataError) as caught:
        load_data(spec)
    text = str(caught.value)
    if message not in text:
        pytest.fail(f"the error is {text!r}")
    assert "\n" not in text
    assert caught.value.hint


def of_shape(*shape: int) -> Samples:
    count = int(np.prod(shape))
    return Samples(np.arange(count, dtype=np.float32).reshape(shape), None, "data.npz")


@pytest.mark.parametrize(
    ("given_shape", "wanted"),
    [
        ((3, 1, 4, 5), (1, 4, 5)),
        ((3, 4, 5), (1, 4, 5)),
        ((3, 4, 5, 1), (1, 4, 5)),
        ((3, 4, 5), (4, 1, 5)),
        ((3, 8), (8,)),
        ((3, 8), (1, 1, 8)),
        ((3, 8, 1, 1), (8,)),
    ],
)
def test_dimensions_of_one_may_be_missing(
    given_shape: tuple[int, ...], wanted: tuple[int, ...]
) -> None:
    samples = of_shape(*given_shape)
    fitted = fit_to_input(samples, wanted)
    assert fitted.x.shape == (given_shape[0], *wanted)
    np.testing.assert_array_equal(fitted.x.ravel(), samples.x.ravel())


@pytest.mark.parametrize(
    ("given_shape", "wanted", "hint"),
    [
        ((2, 28, 28, 3), (3, 28, 28), "put the channels first"),
        ((2, 784), (1, 28, 28), "give x as"),
        ((2, 3, 28, 27), (3, 28, 28), "give x as"),
    ],
)
def test_other_shapes_are_told(
    given_shape: tuple[int, ...], wanted: tuple[int, ...], hint: str
) -> None:
    with pytest.raises(DataError, match="has samples of shape") as caught:
        fit_to_input(of_shape(*given_shape), wanted)
    assert hint in caught.value.hint


def test_labels_must_be_classes() -> None:
    samples = Samples(np.zeros((3, 2), np.float32), np.array([0, 10, 3]), "data.npz")
    check_labels(samples, 11)
    with pytest.raises(DataError, match="labels from 0 to 10, the model has 10 classes"):
        check_labels(samples, 10)
    negative = Samples(np.zeros((1, 2), np.float32), np.array([-1]), "data.npz")
    with pytest.raises(DataError, match="labels from -1"):
        check_labels(negative, 10)
