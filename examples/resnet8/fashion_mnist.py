"""Fashion-MNIST from Debian's package dataset-fashion-mnist, as torch Datasets."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import Dataset, Subset, TensorDataset

DEFAULT_FOLDER = "/usr/share/datasets/fashion-mnist"
CALIBRATION_SAMPLES = 512
IMAGES_MAGIC, LABELS_MAGIC = 2051, 2049


def train() -> Dataset[tuple[Tensor, ...]]:
    """60,000 pairs: float32 (1, 28, 28) in [0, 1], and the class of 10."""
    return _read("train")


def test() -> Dataset[tuple[Tensor, ...]]:
    """10,000 pairs that training never sees."""
    return _read("t10k")


def calibration() -> Dataset[tuple[Tensor, ...]]:
    """512 training images, drawn once with a fixed seed."""
    chosen = torch.randperm(60_000, generator=torch.Generator().manual_seed(0))
    return Subset(train(), chosen[:CALIBRATION_SAMPLES].tolist())


def _read(part: str) -> TensorDataset:
    images = _idx(f"{part}-images-idx3-ubyte.gz", IMAGES_MAGIC, dimensions=3)
    labels = _idx(f"{part}-labels-idx1-ubyte.gz", LABELS_MAGIC, dimensions=1)
    return TensorDataset(images.unsqueeze(1).float() / 255, labels.long())


def _idx(name: str, magic: int, dimensions: int) -> Tensor:
    """An IDX file: a magic number and each dimension as big-endian int32, then the bytes."""
    path = Path(os.environ.get("FASHION_MNIST", DEFAULT_FOLDER)) / name
    if not path.exists():
        raise FileNotFoundError(
            f"{path} is missing: apt install dataset-fashion-mnist, "
            "or set FASHION_MNIST to the folder that holds it"
        )
    content = bytearray(gzip.decompress(path.read_bytes()))
    header = [int.from_bytes(content[4 * i : 4 * i + 4], "big") for i in range(1 + dimensions)]
    if header[0] != magic:
        raise ValueError(f"{path} starts with {header[0]}, not {magic}")
    return torch.frombuffer(content, dtype=torch.uint8, offset=4 * len(header)).view(header[1:])
