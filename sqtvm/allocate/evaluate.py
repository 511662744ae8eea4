"""How good an allocation is, by the integer network itself; remembered, and counted."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from sqtvm.allocate.hessian import hessian_traces
from sqtvm.frontend.execute import execute
from sqtvm.frontend.graph import FloatArray, Graph, Softmax
from sqtvm.frontend.model import Model, Samples
from sqtvm.quantize.build import correction, quantize
from sqtvm.quantize.network import IntegerNetwork, TensorQuantization
from sqtvm.quantize.reference import run_integer

# Divergences this close, as a factor, are equal on a thousand samples.
BY_CHANCE = 1.05

_BATCH = 250


# Samples on which a trial is compared first.
_GLANCE = 250
# Standard errors by which a trial must be worse on these to be given up.
_CLEARLY = 3.0


@dataclass(frozen=True)
class Quality:
    """accuracy: a fraction, on the guiding samples; agreement with the float network's class
    where they have no labels. divergence: mean KL in nats of the integer network's class
    probabilities from the float network's; smoother than accuracy, and needs no labels."""

    accuracy: float
    divergence: float


@dataclass(frozen=True, eq=False)
class Judged:
    """One allocation on the first of the samples: divergence and whether its class is right, of
    each, [samples]."""

    divergence: NDArray[np.float64]
    right: NDArray[np.bool_]

    def quality(self, samples: int) -> Quality:
        return Quality(float(self.right[:samples].mean()), float(self.divergence[:samples].mean()))


class Evaluator:
    """Quality of allocations on a seeded choice of guiding samples; keeps what it has seen.

    samples: that searches are guided by; final_samples: in all, for the last choice among few.
    """

    def __init__(
        self,
        model: Model,
        activations: Mapping[str, TensorQuantization],
        samples: int,
        correction_samples: int,
        seed: int,
        final_samples: int = 0,
    ) -> None:
        self.model = model
        self.activations = activations
        self._seed = seed
        source = model.training or model.calibration
        self.guide = _choose(source, max(samples, final_samples), seed)
        self.samples = min(samples, len(self.guide))
        self._correct_by = _choose(model.calibration, correction_samples, seed).x
        self._correction = correction(model.graph, activations, self._correct_by)
        self._float = _log_probabilities(_run_float(model, self.guide.x), _ends_soft(model))
        labels = self.guide.y
        self._wanted = self._float.argmax(axis=1) if labels is None else labels
        self._seen: dict[tuple[int, ...], Judged] = {}
        self._others = 0

    @property
    def graph(self) -> Graph:
        """The float network."""
        return self.model.graph

    @cached_property
    def traces(self) -> Mapping[str, float]:
        """Of the loss's Hessian in each layer's weights, on the guiding samples."""
        return hessian_traces(self.graph, self.guide, self._seed)

    @property
    def evaluations(self) -> int:
        """Allocations that were evaluated, each once, and other weights that were."""
        return len(self._seen) + self._others

    @property
    def float_accuracy(self) -> float:
        """Of the float network on the same samples."""
        classes = self._float[: self.samples].argmax(axis=1)
        return float((classes == self._wanted[: self.samples]).mean())

    def key(self, weight_bits: Mapping[str, int]) -> tuple[int, ...]:
        """The bits in the order of the graph."""
        return tuple(weight_bits[node.name] for node in self.model.graph.weighted)

    def judged(self, weight_bits: Mapping[str, int], samples: int) -> Judged:
        """On so many samples at least: what is known is not run again."""
        key = self.key(weight_bits)
        known = self._seen.get(key, Judged(np.zeros(0), np.zeros(0, np.bool_)))
        done = len(known.right)
        if done < samples:
            network = quantize(self.model.graph, self.activations, weight_bits, self._correction)
            more = self._run(network, done, samples)
            known = Judged(
                np.concatenate([known.divergence, more.divergence]),
                np.concatenate([known.right, more.right]),
            )
            self._seen[key] = known
        return known

    def quality(self, weight_bits: Mapping[str, int]) -> Quality:
        """Quality of one allocation, post-training with corrected biases."""
        return self.judged(weight_bits, self.samples).quality(self.samples)

    def final_quality(self, weight_bits: Mapping[str, int]) -> Quality:
        """The same on all samples that there are."""
        return self.judged(weight_bits, len(self.guide)).quality(len(self.guide))

    def clearly_worse(
        self, weight_bits: Mapping[str, int], known: Mapping[str, int], samples: int = _GLANCE
    ) -> bool:
        """Whether so many samples suffice to tell that an allocation is further from the float
        network than a known one: by the mean of the samples' differences and its error."""
        samples = min(samples, self.samples)
        one, other = self.judged(weight_bits, samples), self.judged(known, samples)
        difference = one.divergence[:samples] - other.divergence[:samples]
        error = float(difference.std()) / math.sqrt(samples)
        return float(difference.mean()) > _CLEARLY * error

    def glance(self, weight_bits: Mapping[str, int]) -> Quality:
        """Quality by as many samples as ``clearly_worse`` looks at."""
        samples = min(_GLANCE, self.samples)
        return self.judged(weight_bits, samples).quality(samples)

    def knows(self, weight_bits: Mapping[str, int]) -> bool:
        """Whether the quality of the allocation is remembered."""
        judged = self._seen.get(self.key(weight_bits))
        return judged is not None and len(judged.right) >= self.samples

    def judge(self, network: IntegerNetwork) -> Quality:
        """Quality of any network with the model's inputs and outputs; not remembered."""
        return self._run(network, 0, self.samples).quality(self.samples)

    def judge_weights(self, graph: Graph, weight_bits: Mapping[str, int]) -> Quality:
        """Quality of the same network with other weights; not remembered."""
        self._others += 1
        return self.judge(quantize(graph, self.activations, weight_bits, self._correct_by))

    def _run(self, network: IntegerNetwork, start: int, stop: int) -> Judged:
        outputs = _run(network, self.guide.x[start:stop])
        scores = _log_probabilities(outputs, _ends_soft(self.model))
        exact = self._float[start:stop]
        divergence: NDArray[np.float64] = (np.exp(exact) * (exact - scores)).sum(axis=1)
        return Judged(divergence, scores.argmax(axis=1) == self._wanted[start:stop])


def _choose(samples: Samples, count: int, seed: int) -> Samples:
    """In a random order, so that the first of them are a choice as well."""
    chosen = np.random.default_rng(seed).permutation(len(samples))[:count]
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
    if outputs.ndim == 4:
        # As the float network orders them.
        outputs = outputs.transpose(0, 3, 1, 2)
    return network.output.output.dequantize(outputs).astype(np.float64)


def _log_probabilities(outputs: NDArray[np.float64], soft: bool) -> NDArray[np.float64]:
    """Of each sample's outputs [samples, ...]: logits, or probabilities already."""
    flat = outputs.reshape(len(outputs), -1)
    if soft:
        flat = np.log(np.maximum(flat, 1e-4))
    shifted = flat - flat.max(axis=1, keepdims=True)
    logarithms: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return logarithms
