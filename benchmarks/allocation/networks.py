"""The networks of the benchmark, each with its data and how long it trains."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from torch import nn

from benchmarks.allocation import har, samples
from benchmarks.allocation.example import FOLDER, module


@dataclass(frozen=True)
class Task:
    """make: the module before training; weights: the committed file of the trained ones; epochs:
    of training, at most; mirrored: whether samples may be mirrored left to right in training;
    network: what it is a fold of, whose accuracy is the mean over all folds."""

    name: str
    make: Callable[[], nn.Module]
    load: Callable[[], samples.Split]
    weights: Path
    epochs: int = 8
    mirrored: bool = False
    network: str = ""


def _conv(
    inputs: int,
    outputs: int,
    kernel: int | tuple[int, int],
    stride: int | tuple[int, int] = 1,
    groups: int = 1,
    padding: tuple[int, int] | None = None,
) -> list[nn.Module]:
    extents = (kernel, kernel) if isinstance(kernel, int) else kernel
    around = padding or (extents[0] // 2, extents[1] // 2)
    conv = nn.Conv2d(inputs, outputs, extents, stride, around, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(outputs), nn.ReLU()]


def _ds_cnn() -> nn.Module:
    layers = _conv(1, 64, (10, 4), 2, padding=(4, 1))
    for _ in range(4):
        layers += _conv(64, 64, 3, 1, 64) + _conv(64, 64, 1)
    return nn.Sequential(*layers, *_head(64, 10))


def _lenet() -> nn.Module:
    return nn.Sequential(
        *[nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)],
        *[nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()],
        *[nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)],
    )


def _head(features: int, classes: int) -> list[nn.Module]:
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(features, classes)]


def _activity() -> list[Task]:
    return [
        Task(
            f"accelerometer CNN, fold {fold}",
            module("activity", "network").ActivityCnn,
            partial(har.load, fold),
            _OWN / f"activity_{fold}.pt",
            epochs=30,
            network="accelerometer CNN",
        )
        for fold in har.FOLDS
    ]


_OWN = Path(__file__).with_name("weights")

TASKS = {
    task.name: task
    for task in (
        Task(
            "ResNet-8",
            module("resnet8", "resnet8").ResNet8,
            samples.fashion_mnist,
            FOLDER / "resnet8" / "weights.pt",
            mirrored=True,
        ),
        Task(
            "MobileNetV1-0.25",
            module("mobilenet", "mobilenet").MobileNetV1,
            samples.fashion_mnist,
            FOLDER / "mobilenet" / "weights.pt",
            mirrored=True,
        ),
        Task("DS-CNN", _ds_cnn, samples.fashion_mnist, _OWN / "ds_cnn.pt", mirrored=True),
        Task("LeNet", _lenet, samples.mnist, _OWN / "lenet.pt"),
        *_activity(),
    )
}
NETWORKS = tuple(dict.fromkeys(task.network or task.name for task in TASKS.values()))
FOLDS = tuple(task.name for task in TASKS.values() if task.network)
