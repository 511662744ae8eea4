"""Quantization-aware fine-tuning: training that sees the rounding and learns around it.

Rounding has no useful gradient, so the backward pass takes it for the identity inside the clip
(the straight-through estimator of Bengio et al., 2013). Weights are rounded with scales that
start where ``quantize`` would put them and follow the weights, activations with calibrated ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
import torch.nn.functional as functional
from numpy.typing import NDArray
from torch import Tensor

from sqtvm.errors import DataError
from sqtvm.frontend.execute import execute
from sqtvm.frontend.graph import Conv2d, FloatArray, Graph, Linear, Softmax
from sqtvm.frontend.model import Samples
from sqtvm.quantize.network import TensorQuantization
from sqtvm.quantize.scheme import keeps_scale, weight_range
from sqtvm.quantize.weights import fit_weights, quantize_weights

_Parameters: TypeAlias = dict[str, tuple[Tensor, Tensor]]

_Scales: TypeAlias = dict[str, NDArray[np.float64]]

# Steps between two fits of the weights' scales, which move slowly.
_SCALE_PERIOD = 10

# With levels this far apart, weights need larger steps to change theirs.
_RATE_FACTOR = {8: 1.0, 4: 1.0, 2: 3.0}


@dataclass(frozen=True)
class FineTuneSettings:
    """How long and how to train.

    steps: batches in all, or None for ``epochs`` passes over the samples; learning_rate: of
    Adam at the start for biases and for weights of 8 and 4 bits, three times as much for 2 bits,
    going down to 0 along a half cosine; distillation: the share of the loss
    that pulls towards the float network's outputs, the rest is the cross-entropy with the
    labels; temperature: softens both outputs for the distillation; seed: of the batches' order.
    """

    epochs: int = 2
    steps: int | None = None
    batch_size: int = 128
    learning_rate: float = 1e-3
    distillation: float = 0.5
    temperature: float = 4.0
    seed: int = 0


@dataclass(frozen=True)
class FineTuneProgress:
    """loss: of the batch just seen, before the step that it led to."""

    step: int
    steps: int
    loss: float


def fine_tune(
    graph: Graph,
    activations: Mapping[str, TensorQuantization],
    weight_bits: Mapping[str, int],
    training: Samples,
    settings: FineTuneSettings | None = None,
    on_progress: Callable[[FineTuneProgress], None] | None = None,
    teacher: Graph | None = None,
) -> Graph:
    """The graph with weights and biases that quantize well at ``weight_bits``.

    activations: as ``calibrate`` gives them; training: samples with labels; without labels the
    loss is the squared distance from the teacher's outputs. teacher: the float network to stay
    close to, by default ``graph`` itself; give it where ``graph`` was fine-tuned before.
    The returned weights lie on the grid that ``quantize`` finds for them at the same bits, so
    that the returned graph is, but for the activations' rounding, the integer network.
    Raises DataError where there are no samples.
    """
    if len(training) == 0:
        raise DataError(f"{training.source} has no samples to fine-tune on")
    settings = settings or FineTuneSettings()
    student, target = _without_softmax(graph), _without_softmax(teacher or graph)
    parameters: _Parameters = {
        node.name: (_leaf(node.op.weight), _leaf(node.op.bias))
        for node in student.weighted
        if isinstance(node.op, Conv2d | Linear)
    }
    scales = {
        name: quantize_weights(weight.detach().numpy(), weight_bits[name])[1]
        for name, (weight, _) in parameters.items()
    }
    optimizer = _optimizer(parameters, weight_bits, settings.learning_rate)
    round_activation = _activation_rounding(student, activations)

    per_epoch = math.ceil(len(training) / settings.batch_size)
    steps = settings.steps or settings.epochs * per_epoch
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    batches = _batches(len(training), settings)
    for step in range(steps):
        if step % _SCALE_PERIOD == 0:
            scales = _fitted(parameters, scales, weight_bits)
        chosen = next(batches)
        x = torch.from_numpy(np.ascontiguousarray(training.x[chosen], np.float32))
        rounded = {
            name: (_round_weight(weight, scales[name], weight_bits[name]), bias)
            for name, (weight, bias) in parameters.items()
        }
        with torch.no_grad():
            wanted = execute(target, x)
        given = execute(student, x, rounded, round_activation)
        labels = None if training.y is None else torch.from_numpy(training.y[chosen])
        loss = _loss(given, wanted, labels, settings)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        if on_progress is not None:
            on_progress(FineTuneProgress(step + 1, steps, loss.item()))
    return graph.with_parameters(_on_grid(parameters, scales, weight_bits))


def _without_softmax(graph: Graph) -> Graph:
    """The graph up to the logits."""
    if isinstance(graph.output.op, Softmax):
        return Graph(graph.nodes[:-1])
    return graph


def _leaf(value: FloatArray) -> Tensor:
    return torch.tensor(value, dtype=torch.float32, requires_grad=True)


def _batches(count: int, settings: FineTuneSettings) -> Iterator[np.ndarray]:
    """Indices of one batch after the other, every sample once before any comes again."""
    random = np.random.default_rng(settings.seed)
    while True:
        order = random.permutation(count)
        for start in range(0, count, settings.batch_size):
            yield order[start : start + settings.batch_size]


def _activation_rounding(
    graph: Graph, activations: Mapping[str, TensorQuantization]
) -> Callable[[str, Tensor], Tensor]:
    rounded = {
        node.name: activations[node.name]
        for node in graph.nodes
        if not keeps_scale(node) and not isinstance(node.op, Softmax)
    }

    def hook(name: str, value: Tensor) -> Tensor:
        if name not in rounded:
            return value
        scale, zero_point = rounded[name].scale, rounded[name].zero_point
        return torch.fake_quantize_per_tensor_affine(value, scale, zero_point, -128, 127)

    return hook


def _optimizer(
    parameters: _Parameters, weight_bits: Mapping[str, int], learning_rate: float
) -> torch.optim.Adam:
    groups: list[dict[str, Any]] = [
        {"params": [weight], "lr": learning_rate * _RATE_FACTOR[weight_bits[name]]}
        for name, (weight, _) in parameters.items()
    ]
    groups.append({"params": [bias for _, bias in parameters.values()]})
    return torch.optim.Adam(groups, lr=learning_rate)


def _fitted(parameters: _Parameters, scales: _Scales, weight_bits: Mapping[str, int]) -> _Scales:
    return {
        name: fit_weights(weight.detach().numpy(), scales[name], weight_bits[name])[1]
        for name, (weight, _) in parameters.items()
    }


def _round_weight(weight: Tensor, scale: NDArray[np.float64], weight_bits: int) -> Tensor:
    low, high = weight_range(weight_bits)
    step = torch.from_numpy(scale.astype(np.float32))
    zero_point = torch.zeros(len(step), dtype=torch.int32)
    sign = step.sign().reshape(-1, *(1,) * (weight.dim() - 1))
    return sign * torch.fake_quantize_per_channel_affine(
        sign * weight, step.abs(), zero_point, 0, low, high
    )


def _loss(
    given: Tensor, wanted: Tensor, labels: Tensor | None, settings: FineTuneSettings
) -> Tensor:
    if labels is None:
        return functional.mse_loss(given, wanted)
    temperature = settings.temperature
    divergence = functional.kl_div(
        functional.log_softmax(given / temperature, dim=1),
        functional.log_softmax(wanted / temperature, dim=1),
        reduction="batchmean",
        log_target=True,
    )
    # The square keeps the gradient's size independent of the temperature.
    distilled = divergence * temperature**2
    crossed = functional.cross_entropy(given, labels)
    return settings.distillation * distilled + (1 - settings.distillation) * crossed


def _on_grid(
    parameters: _Parameters, scales: _Scales, weight_bits: Mapping[str, int]
) -> dict[str, tuple[FloatArray, FloatArray]]:
    result: dict[str, tuple[FloatArray, FloatArray]] = {}
    for name, (weight, bias) in parameters.items():
        real = weight.detach().numpy()
        integers, scale = fit_weights(real, scales[name], weight_bits[name])
        shape = (-1, *(1,) * (real.ndim - 1))
        result[name] = (
            (integers * scale.reshape(shape)).astype(np.float32),
            bias.detach().numpy().copy(),
        )
    return result
