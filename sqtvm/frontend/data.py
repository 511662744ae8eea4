"""Loads samples from .npz files and torch Datasets."""

from __future__ import annotations

import itertools
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, IterableDataset, TensorDataset

from sqtvm.errors import DataError
from sqtvm.frontend.factory import call_factory, is_factory
from sqtvm.frontend.graph import Shape
from sqtvm.frontend.model import Samples
from sqtvm.frontend.unpacked import require_memory
from sqtvm.input_file import require_regular

_SPEC_HINT = "give an .npz with x and y, or package.module:factory that gives a torch Dataset"


DataSource: TypeAlias = (
    str
    | Path
    | Dataset[Any]
    | NDArray[Any]
    | Tensor
    | tuple[NDArray[Any] | Tensor, NDArray[Any] | Tensor]
)


def load_data(source: DataSource, limit: int | None = None) -> Samples:
    """Samples of an .npz with x and maybe y, of a factory that gives a torch Dataset, or of a
    Dataset or arrays x or (x, y) themselves.

    limit: how many samples to read at most, from the start. x becomes float32 as it is: uint8
    images are not scaled. Raises DataError where the data is missing or is not what it must be.
    """
    if not isinstance(source, str | Path):
        return _from_objects(source, limit)
    spec = str(source)
    if is_factory(spec):
        dataset = call_factory(spec, DataError)
        if not isinstance(dataset, Dataset):
            raise DataError(f"{spec} gives a {type(dataset).__name__}, not a Dataset", _SPEC_HINT)
        x, y = _from_dataset(dataset, spec, limit)
    elif spec.endswith(".npz"):
        x, y = _from_npz(Path(spec))
        x, y = _some(x, limit), None if y is None else _some(y, limit)
    else:
        raise DataError(f"{spec} is neither an .npz nor package.module:factory", _SPEC_HINT)
    return Samples(_images(x, spec), None if y is None else _labels(y, len(x), spec), spec)


def _from_objects(
    source: Dataset[Any] | NDArray[Any] | Tensor | tuple[Any, ...], limit: int | None
) -> Samples:
    name = "the arrays"
    if isinstance(source, Dataset):
        name = type(source).__name__
        x, y = _from_dataset(source, name, limit)
        return Samples(_images(x, name), None if y is None else _labels(y, len(x), name), name)
    parts = source if isinstance(source, tuple) else (source,)
    if not 1 <= len(parts) <= 2:
        raise DataError(f"the data are {len(parts)} parts, not (x, y)", "give (x, y) or x alone")
    arrays = [_some(_array(part, 0, name), limit) for part in parts]
    images = _images(arrays[0], name)
    return Samples(images, _labels(arrays[1], len(images), name) if arrays[1:] else None, name)


def _some(array: NDArray[Any], limit: int | None) -> NDArray[Any]:
    """The first ``limit``; a single number as it is, to be refused with its shape."""
    return array[:limit] if array.ndim else array


def fit_to_input(samples: Samples, shape: Shape) -> Samples:
    """Samples with x as [count, *shape]; dimensions of one may be missing or elsewhere.

    Raises DataError where x has other dimensions than the model reads.
    """
    given = samples.x.shape[1:]
    if [size for size in given if size != 1] == [size for size in shape if size != 1]:
        return replace(samples, x=samples.x.reshape(-1, *shape))
    hint = "give x as (count, channels, height, width), as the model reads it"
    if given == (*shape[1:], shape[0]):
        hint = "put the channels first: x.transpose(0, 3, 1, 2)"
    raise DataError(
        f"{samples.source} has samples of shape {list(given)}, the model reads {list(shape)}", hint
    )


def check_labels(samples: Samples, classes: int) -> None:
    """Raises DataError where a label is no class of a model with that many outputs."""
    if samples.y is None or not len(samples):
        return
    low, high = int(samples.y.min()), int(samples.y.max())
    if low < 0 or high >= classes:
        raise DataError(
            f"{samples.source} has labels from {low} to {high}, the model has {classes} classes",
            f"labels are numbers from 0 to {classes - 1}",
        )


def _from_npz(path: Path) -> tuple[NDArray[Any], NDArray[Any] | None]:
    try:
        require_regular(path)
        loaded = np.load(path, allow_pickle=False)
        if not isinstance(loaded, np.lib.npyio.NpzFile):
            raise DataError(f"{path} holds one array without a name, but no x", _SPEC_HINT)
        with loaded as archive:
            if archive.zip is not None:
                require_memory(archive.zip)
            arrays = {name: archive[name] for name in ("x", "y") if name in archive.files}
            if not isinstance(arrays.get("x"), np.ndarray):
                names = ", ".join(archive.files) or "nothing"
                raise DataError(f"{path} holds {names}, but no x", _SPEC_HINT)
            return arrays["x"], arrays.get("y")
    except FileNotFoundError:
        raise DataError(f"{path} does not exist", "check the path of the data") from None
    except MemoryError as error:
        raise DataError(
            f"{path} does not fit into memory: {error}", "give fewer samples"
        ) from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(
            f"{path} cannot be read: {getattr(error, 'strerror', None) or error}",
            "write it with numpy.savez(path, x=x, y=y)",
        ) from error


def _from_dataset(
    dataset: Dataset[Any], spec: str, limit: int | None
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    if type(dataset) is TensorDataset and len(dataset.tensors) in (1, 2) and len(dataset):
        # The same as below, without taking a large dataset apart and together again.
        x, *labels = (_array(tensor[:limit], 0, spec) for tensor in dataset.tensors)
        return x, labels[0] if labels else None
    xs: list[NDArray[Any]] = []
    ys: list[NDArray[Any]] = []
    for index, item in enumerate(itertools.islice(_items(dataset, spec), limit)):
        parts = item if isinstance(item, tuple | list) else (item,)
        if len(parts) not in (1, 2) or (xs and bool(ys) != (len(parts) == 2)):
            what = "is no pair (x, y)" if ys or not xs else "has a label, those before have none"
            raise DataError(f"sample {index} of {spec} {what}", _SPEC_HINT)
        x, *labels = (_array(part, index, spec) for part in parts)
        if xs and x.shape != xs[0].shape:
            raise DataError(
                f"sample {index} of {spec} has shape {list(x.shape)}, not {list(xs[0].shape)}",
                "give all samples one shape",
            )
        xs.append(x)
        if not labels:
            continue
        if labels[0].size != 1:
            count = labels[0].size
            raise DataError(f"sample {index} of {spec} has {count} labels", "one class a sample")
        ys.append(labels[0].reshape(()))
    if not xs:
        raise DataError(f"{spec} has no samples", "give some")
    return np.stack(xs), np.stack(ys) if ys else None


def _items(dataset: Dataset[Any], spec: str) -> Iterable[Any]:
    if isinstance(dataset, IterableDataset):
        return iter(dataset)
    try:
        count = len(dataset)  # type: ignore[arg-type]
    except TypeError:
        raise DataError(f"{spec} gives a Dataset without a length", "give it a __len__") from None
    return (dataset[index] for index in range(count))


def _array(part: object, index: int, spec: str) -> NDArray[Any]:
    if isinstance(part, Tensor):
        array: NDArray[Any] = part.detach().cpu().numpy()
        return array
    if isinstance(part, np.ndarray | np.generic | int):
        return np.asarray(part)
    raise DataError(
        f"sample {index} of {spec} holds a {type(part).__name__}",
        "give tensors or NumPy arrays: add torchvision's ToTensor or the like to the Dataset",
    )


def _images(x: NDArray[Any], source: str) -> NDArray[np.float32]:
    if x.ndim < 2:
        raise DataError(f"{source} has x of shape {list(x.shape)}", "x is (count, *sample)")
    if not len(x):
        raise DataError(f"{source} has no samples", "give some")
    if x.dtype != np.uint8 and not np.issubdtype(x.dtype, np.floating):
        raise DataError(f"{source} has x of type {x.dtype}", "give float32 or uint8")
    with np.errstate(over="ignore"):
        converted = np.ascontiguousarray(x, np.float32)
    if not np.isfinite(converted).all():
        raise DataError(f"{source} has NaN or infinity in x", "remove those samples")
    return converted


def _labels(y: NDArray[Any], count: int, source: str) -> NDArray[np.int64]:
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.shape != (count,):
        raise DataError(
            f"{source} has y of shape {list(y.shape)} for {count} samples", "one class a sample"
        )
    if not np.issubdtype(y.dtype, np.integer):
        raise DataError(f"{source} has y of type {y.dtype}", "give classes as whole numbers")
    return y.astype(np.int64)
