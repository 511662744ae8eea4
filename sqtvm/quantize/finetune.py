"""Quantization-aware fine-tuning: training that sees the rounding and learns around it.

Weights are rounded with step sizes that are learned with them (``learned_steps``), activations
with calibrated ones, which at 8 bits lose little. Batch norms are folded into the weights before,
so there are no running statistics to re-estimate; what re-estimation is for, each channel's mean
and spread, ``quantize`` corrects (``moments``), and training starts from the corrected weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor
from torch.utils.data import Dataset

from sqtvm.frontend.execute import execute
from sqtvm.frontend.graph import Graph, Softmax
from sqtvm.frontend.model import Samples
from sqtvm.quantize import checkpoint
from sqtvm.quantize.build import matched, quantize
from sqtvm.quantize.learned_steps import LayerWeights, layer_weights, on_grid
from sqtvm.quantize.loss import Loss
from sqtvm.quantize.network import TensorQuantization
from sqtvm.quantize.scheme import keeps_scale
from sqtvm.quantize.training_batches import Batches

# With levels this far apart, weights need larger steps to change theirs.
_RATE_FACTOR = {8: 1.0, 4: 1.0, 2: 3.0}


@dataclass(frozen=True)
class FineTuneSettings:
    """How long and how to train.

    steps: batches in all, or None for ``epochs`` passes over the samples; learning_rate: of
    Adam at the start for biases, step sizes and weights of 8 and 4 bits, three times as much for
    weights of 2 bits, going down to 0 along a half cosine; distillation: the share of the loss
    that pulls towards the float network's outputs, the rest is ``loss`` with the labels;
    temperature: softens both outputs for the distillation; seed: of the batches' order.

    patience: how many checks in a row may bring no better loss on samples held out of training
    before it stops, or None to go on to the end; either way the best weights of all checks come
    back where there is a patience. held_out: how many those are at most, and no more than a
    tenth of all; check_period: steps between two checks, and between two checkpoints;
    correction_samples: of the first batches, by which scales and biases are corrected before; 0 for
    none.
    """

    epochs: int = 2
    steps: int | None = None
    batch_size: int = 128
    learning_rate: float = 1e-3
    distillation: float = 0.5
    temperature: float = 4.0
    seed: int = 0
    patience: int | None = None
    held_out: int = 1000
    check_period: int = 50
    correction_samples: int = 256


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
    training: Samples | Dataset[Any],
    settings: FineTuneSettings | None = None,
    on_progress: Callable[[FineTuneProgress], None] | None = None,
    teacher: Graph | None = None,
    loss: Loss = functional.cross_entropy,
    checkpoint_file: Path | None = None,
) -> Graph:
    """The graph with weights and biases that quantize well at ``weight_bits``.

    activations: as ``calibrate`` gives them; training: samples with labels, or a Dataset of
    pairs (x, y), read anew for every batch, so that it may vary its samples; without labels the
    loss is the squared distance from the teacher's outputs. teacher: the float network to stay
    close to, by default ``graph`` itself; give it where ``graph`` was fine-tuned before.
    checkpoint_file: where training is kept while it runs; what a killed run left there for the
    same graph, bits and settings is gone on from, to the same weights.
    The returned weights lie on the grid that ``quantize`` finds for them at the same bits, so
    that the returned graph is, but for the activations' rounding, the integer network.
    Raises DataError where there are no samples.
    """
    settings = settings or FineTuneSettings()
    batches = Batches(training, settings.batch_size, settings.seed, _held_out(training, settings))
    student = _without_softmax(graph)
    start = _matched(student, activations, weight_bits, batches, settings)
    layers = layer_weights(start, weight_bits)
    judge = _Judge(
        _without_softmax(teacher or graph),
        student,
        _activation_rounding(student, activations),
        loss,
        settings,
    )
    steps = settings.steps or settings.epochs * math.ceil(batches.count / settings.batch_size)
    state = _Training(layers, settings.learning_rate, steps)
    named = loss if hasattr(loss, "__qualname__") else type(loss)
    told = f"{named.__module__}:{named.__qualname__}"
    key = checkpoint.fingerprint(graph, sorted(weight_bits.items()), settings, batches.count, told)
    if checkpoint_file is not None and (found := checkpoint.read(checkpoint_file, key)):
        state.restore(found)
    while state.done < steps and not state.stopped(settings.patience):
        x, labels = batches[state.done]
        value = state.step(judge.loss(layers, x, labels))
        if on_progress is not None:
            on_progress(FineTuneProgress(state.done, steps, value))
        if state.done % settings.check_period == 0 or state.done == steps:
            if settings.patience is not None:
                with torch.no_grad():
                    state.judge(float(judge.loss(layers, *batches.held_out())))
            if checkpoint_file is not None:
                checkpoint.write(checkpoint_file, key, state.kept())
    if settings.patience is not None:
        state.take_best()
    if checkpoint_file is not None:
        checkpoint_file.unlink(missing_ok=True)
    return graph.with_parameters(on_grid(layers))


@dataclass(frozen=True, eq=False)
class _Judge:
    """What a batch is worth."""

    teacher: Graph
    student: Graph
    round_activation: Callable[[str, Tensor], Tensor]
    labelled: Loss
    settings: FineTuneSettings

    def loss(self, layers: Mapping[str, LayerWeights], x: Tensor, labels: Tensor | None) -> Tensor:
        with torch.no_grad():
            wanted = execute(self.teacher, x)
        rounded = {name: (layer.rounded(), layer.bias) for name, layer in layers.items()}
        given = execute(self.student, x, rounded, self.round_activation)
        if labels is None:
            return functional.mse_loss(given, wanted)
        temperature = self.settings.temperature
        divergence = functional.kl_div(
            functional.log_softmax(given / temperature, dim=1),
            functional.log_softmax(wanted / temperature, dim=1),
            reduction="batchmean",
            log_target=True,
        )
        # The square keeps the gradient's size independent of the temperature.
        distilled = divergence * temperature**2
        share = self.settings.distillation
        return share * distilled + (1 - share) * self.labelled(given, labels)


class _Training:
    """How far training has come; everything that a checkpoint must hold."""

    def __init__(
        self, layers: Mapping[str, LayerWeights], learning_rate: float, steps: int
    ) -> None:
        self._tensors = {
            f"{name}/{part}": getattr(layer, part)
            for name, layer in layers.items()
            for part in ("weight", "bias", "growth", "start")
        }
        groups: list[dict[str, Any]] = [
            {"params": [layer.weight], "lr": learning_rate * _RATE_FACTOR[layer.weight_bits]}
            for layer in layers.values()
        ]
        rest = [part for layer in layers.values() for part in (layer.bias, layer.growth)]
        self._optimizer = torch.optim.Adam([*groups, {"params": rest}], lr=learning_rate)
        self._schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self._optimizer, steps)
        self._best: dict[str, Tensor] = {}
        self._least = math.inf
        self._unimproved = 0
        self.done = 0

    def stopped(self, patience: int | None) -> bool:
        return patience is not None and self._unimproved >= patience

    def step(self, loss: Tensor) -> float:
        """Against the gradient of a batch's loss, whose value is returned."""
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        self._schedule.step()
        self.done += 1
        return loss.item()

    def judge(self, held_out_loss: float) -> None:
        if held_out_loss < self._least:
            self._least, self._unimproved = held_out_loss, 0
            self._best = {name: value.detach().clone() for name, value in self._tensors.items()}
        else:
            self._unimproved += 1

    def take_best(self) -> None:
        with torch.no_grad():
            for name, value in self._best.items():
                self._tensors[name].copy_(value)

    def kept(self) -> Mapping[str, Any]:
        return {
            "tensors": {name: value.detach() for name, value in self._tensors.items()},
            "optimizer": self._optimizer.state_dict(),
            "schedule": self._schedule.state_dict(),
            "best": self._best,
            "least": self._least,
            "unimproved": self._unimproved,
            "done": self.done,
        }

    def restore(self, kept: Mapping[str, Any]) -> None:
        with torch.no_grad():
            for name, value in kept["tensors"].items():
                self._tensors[name].copy_(value)
        self._optimizer.load_state_dict(kept["optimizer"])
        self._schedule.load_state_dict(kept["schedule"])
        self._best, self._least = kept["best"], kept["least"]
        self._unimproved, self.done = kept["unimproved"], kept["done"]


def _matched(
    graph: Graph,
    activations: Mapping[str, TensorQuantization],
    weight_bits: Mapping[str, int],
    batches: Batches,
    settings: FineTuneSettings,
) -> Graph:
    """Where training starts: rounded, its channels have the float network's mean and spread."""
    if settings.correction_samples == 0:
        return graph
    count = math.ceil(settings.correction_samples / settings.batch_size)
    read = [batches[number][0].numpy() for number in range(count)]
    x = np.concatenate(read)[: settings.correction_samples]
    return matched(graph, quantize(graph, activations, weight_bits, x))


def _held_out(training: Samples | Dataset[Any], settings: FineTuneSettings) -> int:
    if settings.patience is None:
        return 0
    return min(settings.held_out, len(training) // 10)  # type: ignore[arg-type]


def _without_softmax(graph: Graph) -> Graph:
    """The graph up to the logits."""
    if isinstance(graph.output.op, Softmax):
        return Graph(graph.nodes[:-1])
    return graph


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
        tensor = rounded[name]
        return torch.fake_quantize_per_tensor_affine(
            value, tensor.scale, tensor.zero_point, tensor.low, tensor.high
        )

    return hook
