"""Trains ResNet-8 on Fashion-MNIST and leaves weights.pt."""

from __future__ import annotations

import os

import torch
import torch.nn.functional as functional
from fashion_mnist import test, train
from resnet8 import WEIGHTS, ResNet8
from torch import Tensor, nn
from torch.utils.data import TensorDataset

SEED = 0
EPOCHS = 8
BATCH = 128
PEAK_LEARNING_RATE = 0.2
MAXIMUM_SHIFT = 2


def tensors(dataset: object) -> tuple[Tensor, Tensor]:
    assert isinstance(dataset, TensorDataset)
    images, labels = dataset.tensors
    return images, labels


def augment(images: Tensor, generator: torch.Generator) -> Tensor:
    """Mirrors half of the images, and shifts the whole batch by up to two pixels each way."""
    mirrored = torch.rand(len(images), generator=generator) < 0.5
    images = torch.where(mirrored.view(-1, 1, 1, 1), images.flip(3), images)
    size = images.shape[-1]
    padded = functional.pad(images, [MAXIMUM_SHIFT] * 4)
    top, left = torch.randint(2 * MAXIMUM_SHIFT + 1, (2,), generator=generator).tolist()
    return padded[:, :, top : top + size, left : left + size]


def fit(model: nn.Module, images: Tensor, labels: Tensor) -> None:
    generator = torch.Generator().manual_seed(SEED)
    steps = EPOCHS * (len(images) // BATCH)
    optimizer = torch.optim.SGD(
        model.parameters(), lr=PEAK_LEARNING_RATE, momentum=0.9, weight_decay=5e-4, nesterov=True
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, PEAK_LEARNING_RATE, total_steps=steps, pct_start=0.2
    )
    for epoch in range(EPOCHS):
        model.train()
        total = 0.0
        for indices in torch.randperm(len(images), generator=generator).split(BATCH):
            if len(indices) < BATCH:
                continue
            logits = model(augment(images[indices], generator))
            loss = functional.cross_entropy(logits, labels[indices])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        print(f"epoch {epoch + 1}/{EPOCHS}: loss {total * BATCH / len(images):.4f}", flush=True)


@torch.no_grad()
def accuracy(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Per cent of the images whose class the model finds."""
    model.eval()
    correct = sum(
        int((model(x).argmax(1) == y).sum())
        for x, y in zip(images.split(500), labels.split(500), strict=True)
    )
    return 100 * correct / len(images)


def main() -> None:
    torch.manual_seed(SEED)
    torch.set_num_threads(min(2, os.cpu_count() or 1))
    model = ResNet8()
    fit(model, *tensors(train()))
    print(f"test accuracy {accuracy(model, *tensors(test())):.2f} %")
    temporary = WEIGHTS.with_suffix(".part")
    torch.save(model.state_dict(), temporary)
    temporary.replace(WEIGHTS)


if __name__ == "__main__":
    main()
