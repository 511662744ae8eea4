"""How good an allocation is, by the integer network itself; remembered, and counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from sqtvm.frontend.execute import execute
from sqtvm.frontend.graph import FloatArray, Graph, Softmax
from sqtvm.frontend.model import Model, Samples
from sqtvm.quantize.build import quantize
from sqtvm.quantize.network import IntegerNetwork, TensorQuantization
from sqtvm.quantize.reference import run_integer

# Divergences this close, as a factor, are equal on a thousand samples.
BY_CHANCE = 1.05

_BATCH = 250


@dataclass(frozen=True)
class Quality:
    """accuracy: a fraction, on the guiding samples; agreement with the float network's class
    where they have no labels. divergence: mean KL in nats of the integer network's class
    probabilities from the float network's; smoother than accuracy, and needs no labels."""

    accuracy: float
    divergence: float


class Evaluator:
    """Quality of allocations on a seeded choice of guiding samples; keeps what it has seen."""

    def __init__(
        self,
        model: Model,
        activations: Mapping[str, TensorQuantization],
        samples: int,
        correction_samples: int,
        seed: int,
    ) -> None:
        self._model = model
        self._activations = activations
        self.guide = _choose(model.training or model.calibration, samples, seed)
        self._correction = _choose(model.calibration, correction_samples, seed).x
        self._float = _log_probabilities(_run_float(model, self.guide.x), _ends_soft(model))
        self._seen: dict[tuple[int, ...], Quality] = {}

    @property
    def graph(self) -> Graph:
        """The float network."""
        return self._model.graph

    @property
    def evaluations(self) -> int:
        """Allocations that were evaluated, each once."""
        return len(self._seen)

    @property
    def float_accuracy(self) -> float:
        """Of the float network on the same samples."""
        return self._accuracy(self._float)

    def quality(self, weight_bits: Mapping[str, int]) -> Quality:
        """Quality of one allocation, post-training with corrected biases."""
        key = self._key(weight_bits)
        if key not in self._seen:
            self._seen[key] = self._evaluate(weight_bits)
        return self._seen[key]

    def knows(self, weight_bits: Mapping[str, int]) -> bool:
        """Whether the quality of the allocation is remembered."""
        return self._key(weight_bits) in self._seen

    def _key(self, weight_bits: Mapping[str, int]) -> tuple[int, ...]:
        return tuple(weight_bits[node.name] for node in self._model.graph.weighted)

    def _evaluate(self, weight_bits: Mapping[str, int]) -> Quality:
        return self.judge(
            quantize(self._model.graph, self._activations, weight_bits, self._correction)
        )

    def judge(self, network: IntegerNetwork) -> Quality:
        """Quality of any network with the model's inputs and outputs; not remembered."""
        scores = _log_probabilities(_run(network, self.guide.x), _ends_soft(self._model))
        probabilities = np.exp(self._float)
        divergence = (probabilities * (self._float - scores)).sum(axis=1).mean()
        return Quality(self._accuracy(scores), float(divergence))

    def _accuracy(self, scores: NDArray[np.float64]) -> float:
        wanted = self.guide.y if self.guide.y is not None else self._float.argmax(axis=1)
        return float((scores.argmax(axis=1) == wanted).mean())


def _choose(samples: Samples, count: int, seed: int) -> Samples:
    if len(samples) <= count:
        return samples
    chosen = np.sort(np.random.default_rng(seed).choice(len(samples), count, replace=False))
    labels = None if samples.y is None else samples.y[chosen]
    return Samples(samples.x[chosen], labels, samples.source)


def _ends_soft(model: Model) -> bool:
    return isinstance(model.graph.output.op, Softmax)


def _run_float(model: Model, x: FloatArray) -> NDArray[np.float64]:
    with torch.no_grad():
        parts = [
            execute(model.graph, torch.from_numpy(x[start : start + _BATCH])).numpy()
            for start in range(0, len(x), _BATCH)
        ]
    return np.concatenate(parts).astype(np.float64)


def _run(network: IntegerNetwork, x: FloatArray) -> NDArray[np.float64]:
    ordered = x.transpose(0, 2, 3, 1) if x.ndim == 4 else x
    outputs = run_integer(network, network.input.quantize(ordered))
    return network.output.output.dequantize(outputs).astype(np.float64)


def _log_probabilities(outputs: NDArray[np.float64], soft: bool) -> NDArray[np.float64]:
    """Of each sample's outputs [samples, ...]: logits, or probabilities already."""
    flat = outputs.reshape(len(outputs), -1)
    if soft:
        flat = np.log(np.maximum(flat, 1e-4))
    shifted = flat - flat.max(axis=1, keepdims=True)
    logarithms: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return logarithms
