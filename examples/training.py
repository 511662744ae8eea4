"""What the examples' train.py have in common: a seeded training, the accuracy, whole files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as functional
from torch import Tensor, nn
from torch.utils.data import TensorDataset

BATCH = 128
MAXIMUM_SHIFT = 2

Augment = Callable[[Tensor, torch.Generator], Tensor]
Loss = Callable[[Tensor, Tensor], Tensor]


def tensors(dataset: object) -> tuple[Tensor, Tensor]:
    assert isinstance(dataset, TensorDataset)
    inputs, labels = dataset.tensors
    return inputs, labels


def mirrored_and_shifted(images: Tensor, generator: torch.Generator) -> Tensor:
    """Mirrors half of the images, and shifts the whole batch by up to two pixels each way."""
    mirrored = torch.rand(len(images), generator=generator) < 0.5
    images = torch.where(mirrored.view(-1, 1, 1, 1), images.flip(3), images)
    size = images.shape[-1]
    padded = functional.pad(images, [MAXIMUM_SHIFT] * 4)
    top, left = torch.randint(2 * MAXIMUM_SHIFT + 1, (2,), generator=generator).tolist()
    return padded[:, :, top : top + size, left : left + size]


def unchanged(inputs: Tensor, _generator: torch.Generator) -> Tensor:
    return inputs


def fit(
    model: nn.Module,
    inputs: Tensor,
    labels: Tensor,
    *,
    seed: int,
    epochs: int,
    peak_learning_rate: float = 0.2,
    augment: Augment = unchanged,
    loss: Loss = functional.cross_entropy,
) -> None:
    """Stochastic gradient descent with momentum and one cycle of the learning rate."""
    generator = torch.Generator().manual_seed(seed)
    steps = epochs * (len(inputs) // BATCH)
    optimizer = torch.optim.SGD(
        model.parameters(), lr=peak_learning_rate, momentum=0.9, weight_decay=5e-4, nesterov=True
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, peak_learning_rate, total_steps=steps, pct_start=0.2
    )
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for indices in torch.randperm(len(inputs), generator=generator).split(BATCH):
            if len(indices) < BATCH:
                continue
            value = loss(model(augment(inputs[indices], generator)), labels[indices])
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            schedule.step()
            total += value.item()
        print(f"epoch {epoch + 1}/{epochs}: loss {total * BATCH / len(inputs):.4f}", flush=True)


@torch.no_grad()
def accuracy(model: nn.Module, inputs: Tensor, labels: Tensor) -> float:
    """Per cent of the inputs whose class the model finds."""
    model.eval()
    correct = sum(
        int((model(x).argmax(1) == y).sum())
        for x, y in zip(inputs.split(500), labels.split(500), strict=True)
    )
    return 100 * correct / len(inputs)


def save(model: nn.Module, path: Path) -> None:
    temporary = path.with_suffix(".part")
    torch.save(model.state_dict(), temporary)
    temporary.replace(path)
