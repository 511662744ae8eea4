"""A belt of sneakers: every other garment of Fashion-MNIST is an anomaly."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import Dataset, TensorDataset

sys.path.append(str(Path(__file__).resolve().parents[1] / "resnet8"))

import fashion_mnist

SNEAKER = 7
CALIBRATION_SAMPLES = 512


def train() -> TensorDataset:
    """6,000 sneakers: float32 (784,) in [0, 1], and what is to come out, the same."""
    images, labels = fashion_mnist.train().tensors  # type: ignore[attr-defined]
    sneakers = images[labels == SNEAKER].flatten(1)
    return TensorDataset(sneakers, sneakers)


def test() -> TensorDataset:
    """10,000 pictures of all garments that training never saw, and 1 for what is no sneaker."""
    images, labels = fashion_mnist.test().tensors  # type: ignore[attr-defined]
    return TensorDataset(images.flatten(1), (labels != SNEAKER).long())


def pictures() -> Dataset[tuple[Tensor, ...]]:
    """The test's pictures in a seeded order, without labels: an autoencoder has no classes."""
    images, _ = test().tensors
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    return TensorDataset(images[order])


def calibration() -> Dataset[tuple[Tensor, ...]]:
    """512 of the training's sneakers."""
    images, _ = train().tensors
    chosen = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    return TensorDataset(images[chosen[:CALIBRATION_SAMPLES]])
