"""What a network gets right: predictions, and the share of them that match the labels."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from sqtvm.errors import DataError
from sqtvm.frontend.execute import execute
from sqtvm.frontend.graph import FloatArray, Graph
from sqtvm.frontend.model import Samples
from sqtvm.quantize.network import Int8Array, IntegerNetwork
from sqtvm.quantize.reference import run_integer

_BATCH = 256


def prepare_input(network: IntegerNetwork, x: FloatArray) -> Int8Array:
    """Samples as the integer network takes them.

    x: float32 [count, channels, height, width] or [count, features]; the result is int8
    [count, height, width, channels] or [count, features].
    """
    quantized = network.input.quantize(x)
    if quantized.ndim == 4:
        quantized = quantized.transpose(0, 2, 3, 1)
    return np.ascontiguousarray(quantized)


def predict(network: IntegerNetwork, x: FloatArray) -> NDArray[np.int64]:
    """The class of each sample, the first of equals; x: as ``prepare_input``, result [count]."""
    scores = run_integer(network, prepare_input(network, x))
    classes: NDArray[np.int64] = scores.reshape(len(x), -1).argmax(axis=1)
    return classes


def accuracy(network: IntegerNetwork, samples: Samples) -> float:
    """The fraction of samples that the integer network classifies right."""
    labels = _labels(samples)
    return float((predict(network, samples.x) == labels).mean())


def float_accuracy(graph: Graph, samples: Samples) -> float:
    """The fraction of samples that the float graph classifies right."""
    labels = _labels(samples)
    right = 0
    with torch.no_grad():
        for start in range(0, len(samples), _BATCH):
            batch = torch.from_numpy(np.ascontiguousarray(samples.x[start : start + _BATCH]))
            classes = execute(graph, batch).flatten(1).argmax(dim=1).numpy()
            right += int((classes == labels[start : start + _BATCH]).sum())
    return right / len(samples)


def _labels(samples: Samples) -> NDArray[np.int64]:
    if samples.y is None or len(samples) == 0:
        raise DataError(
            f"{samples.source} has no labelled samples, so accuracy cannot be measured",
            "give data with x and y",
        )
    return samples.y
