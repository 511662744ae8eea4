"""The networks of the benchmark, each with its data and how long it trains."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from torch import nn

from benchmarks.allocation import har, samples

_EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "resnet8"


@dataclass(frozen=True)
class Task:
    """make: the module before training; epochs: of training, at most; mirrored: whether samples
    may be mirrored left to right in training; weights: of a committed file, where there is one."""

    name: str
    make: Callable[[], nn.Module]
    load: Callable[[], samples.Split]
    epochs: int
    mirrored: bool = False
    weights: Path | None = None


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


def _resnet8() -> nn.Module:
    """The network of examples/resnet8."""
    spec = importlib.util.spec_from_file_location("resnet8_example", _EXAMPLE / "resnet8.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made: nn.Module = module.ResNet8()
    return made


def _mobilenet() -> nn.Module:
    """Width 0.25; the first layer keeps the size of the 28x28 images."""
    layers = _conv(1, 8, 3)
    widths = [8, 16, 32, 32, 64, 64, *[128] * 6, 256, 256]
    strides = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1]
    for (inputs, outputs), stride in zip(pairwise(widths), strides, strict=True):
        layers += _conv(inputs, inputs, 3, stride, inputs) + _conv(inputs, outputs, 1)
    return nn.Sequential(*layers, *_head(256, 10))


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


def _accelerometer() -> nn.Module:
    """A convolution in time is one over a single row."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise([3, 16, 32, 32, 64]):
        layers += _conv(inputs, outputs, (1, 5), (1, 2))
    return nn.Sequential(*layers, *_head(64, har.CLASSES))


def _head(features: int, classes: int) -> list[nn.Module]:
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(features, classes)]


TASKS = {
    task.name: task
    for task in (
        Task(
            "ResNet-8",
            _resnet8,
            samples.fashion_mnist,
            8,
            mirrored=True,
            weights=_EXAMPLE / "weights.pt",
        ),
        Task("MobileNetV1-0.25", _mobilenet, samples.fashion_mnist, 8, mirrored=True),
        Task("DS-CNN", _ds_cnn, samples.fashion_mnist, 8, mirrored=True),
        Task("LeNet", _lenet, samples.mnist, 8),
        Task("accelerometer CNN", _accelerometer, har.load, 30),
    )
}
