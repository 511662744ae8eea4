"""Adaptive rounding: each weight goes up or down as suits the layer's output, without labels.

Nagel et al., "Up or Down? Adaptive Rounding for Post-Training Quantization" (2020): layer by layer,
what a weight is rounded up by is learned between 0 and 1, so that the layer's output, computed from
the quantized outputs of the layers before, comes close to the float network's; a penalty that
grows sharper drives it to 0 or 1. Steps are those of ``quantize``. Ours: the bias always follows,
so that each channel keeps its mean; the step is scaled when the rounding is decided, so that the
channel gets its spread back (``moments``); and both parts of the loss are relative, so that one
weight between them suits all layers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from sqtvm.errors import DataError
from sqtvm.frontend.execute import run_node
from sqtvm.frontend.graph import Conv2d, FloatArray, Graph, Linear, Node, Softmax
from sqtvm.quantize.moments import LEAST_GAIN, MOST_GAIN
from sqtvm.quantize.network import TensorQuantization
from sqtvm.quantize.scheme import keeps_scale, weight_range
from sqtvm.quantize.weights import quantize_weights

# The rectified sigmoid reaches 0 and 1 inside its domain.
_STRETCH = 1.2
# Of the steps, before the penalty sets in.
_FREE = 0.2
_SHARPNESS = (20.0, 2.0)
_NEAREST_SUFFICES = 8


@dataclass(frozen=True)
class ReconstructSettings:
    """steps: batches a layer; batch_size: samples in each; learning_rate: of Adam; penalty: of
    weights that are neither up nor down, where 1 is the error of rounding to nearest; seed: of
    the batches."""

    steps: int = 300
    batch_size: int = 32
    learning_rate: float = 2e-2
    penalty: float = 0.5
    seed: int = 0


def reconstruct(
    graph: Graph,
    activations: Mapping[str, TensorQuantization],
    weight_bits: Mapping[str, int],
    x: FloatArray,
    settings: ReconstructSettings | None = None,
    on_layer: Callable[[str], None] | None = None,
) -> Graph:
    """The graph with the weights below 8 bits rounded adaptively; ``quantize`` keeps the rounding.

    activations: as ``calibrate`` gives them; x: float32 [count, *input shape], a few hundred
    samples, labels not needed; on_layer: called with the name of each layer before it is
    rounded. Raises DataError where there are no samples.
    """
    if len(x) == 0:
        raise DataError("no samples to round the weights by", "give a few hundred")
    settings = settings or ReconstructSettings()
    batch = torch.from_numpy(np.ascontiguousarray(x, np.float32))
    exact = {graph.input.name: batch}
    rounded = {graph.input.name: _rounded(graph.input, batch, activations)}
    readers = {name: i for i, node in enumerate(graph.nodes) for name in node.inputs}
    parameters: dict[str, tuple[FloatArray, FloatArray]] = {}
    for i, node in enumerate(graph.nodes[1:], start=1):
        given = [rounded[name] for name in node.inputs]
        before = [exact[name] for name in node.inputs]
        with torch.no_grad():
            exact[node.name] = run_node(node, before)
        override = None
        if node.weighted:
            if on_layer is not None:
                on_layer(node.name)
            override = _layer(node, weight_bits[node.name], given[0], before[0], settings)
            parameters[node.name] = (override[0].numpy(), override[1].numpy())
        with torch.no_grad():
            rounded[node.name] = _rounded(node, run_node(node, given, override), activations)
        for name in set(node.inputs):
            if readers[name] == i:
                del exact[name], rounded[name]
    return graph.with_parameters(parameters)


def _rounded(node: Node, value: Tensor, activations: Mapping[str, TensorQuantization]) -> Tensor:
    if keeps_scale(node) or isinstance(node.op, Softmax):
        return value
    quantization = activations[node.name]
    return torch.fake_quantize_per_tensor_affine(
        value, quantization.scale, quantization.zero_point, quantization.low, quantization.high
    )


def _layer(
    node: Node, bits: int, given: Tensor, exact: Tensor, settings: ReconstructSettings
) -> tuple[Tensor, Tensor]:
    """The layer's weights on the grid and its bias; given: what it reads in the quantized
    network, exact: in the float one."""
    op = node.op
    assert isinstance(op, Conv2d | Linear)
    integers, scale = quantize_weights(op.weight, bits)
    step = torch.from_numpy(scale.astype(np.float32)).reshape(-1, *(1,) * (op.weight.ndim - 1))
    bias = torch.tensor(op.bias)
    if bits >= _NEAREST_SUFFICES:
        return torch.from_numpy(integers.astype(np.float32)) * step, bias
    choice = _Choice(torch.from_numpy(op.weight), step, weight_range(bits))
    open_ended = replace(node, activation=None)
    with torch.no_grad():
        wanted = run_node(open_ended, [exact])
    _learn(node, choice, bias, given, wanted, settings)
    weight = choice.decided()
    with torch.no_grad():
        output = run_node(open_ended, [given], (weight, torch.zeros_like(bias)))
        spread, least = _deviations(output), 1e-3 * _deviations(wanted)
        gain = torch.where(spread > least, _deviations(wanted) / spread.clamp(min=1e-30), 1.0)
        gain = gain.clamp(LEAST_GAIN, MOST_GAIN)
        bias = _means(wanted - output * gain).flatten()
    return weight * gain.reshape(step.shape), bias


class _Choice:
    """How far up each weight is rounded: 0 is down, 1 is up."""

    def __init__(self, weight: Tensor, step: Tensor, limits: tuple[int, int]) -> None:
        self._step, self._limits = step, limits
        self._down = (weight / step).floor()
        share = (weight / step - self._down).clamp(0.01, 0.99)
        inside = (share + (_STRETCH - 1) / 2) / _STRETCH
        self.logit = torch.log(inside / (1 - inside)).requires_grad_()

    def up(self) -> Tensor:
        return (self.logit.sigmoid() * _STRETCH - (_STRETCH - 1) / 2).clamp(0, 1)

    def weight(self, up: Tensor) -> Tensor:
        return (self._down + up).clamp(*self._limits) * self._step

    def decided(self) -> Tensor:
        with torch.no_grad():
            return self.weight((self.up() >= 0.5).float())


def _learn(
    node: Node,
    choice: _Choice,
    bias: Tensor,
    given: Tensor,
    wanted: Tensor,
    settings: ReconstructSettings,
) -> None:
    """Learns the choice in place; wanted: the float layer's output before its activation."""
    with torch.no_grad():
        linear = replace(node, activation=None)
        nearest = _at_mean_of(run_node(linear, [given], (choice.decided(), bias)), wanted)
        error = float(((_active(node, nearest) - _active(node, wanted)) ** 2).mean())
    optimizer = torch.optim.Adam([choice.logit], lr=settings.learning_rate)
    random = np.random.default_rng(settings.seed)
    for done in range(settings.steps if error > 0 else 0):
        chosen = torch.from_numpy(random.choice(len(given), min(settings.batch_size, len(given))))
        up = choice.up()
        output = run_node(linear, [given[chosen]], (choice.weight(up), bias))
        target = wanted[chosen]
        distance = _active(node, _at_mean_of(output, target)) - _active(node, target)
        loss = (distance**2).mean() / error
        gone = done / settings.steps
        if gone > _FREE:
            first, last = _SHARPNESS
            sharpness = last + (first - last) * (1 - gone) / (1 - _FREE)
            undecided = 1 - (2 * up - 1).abs() ** sharpness
            loss = loss + settings.penalty * undecided.mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()


def _at_mean_of(output: Tensor, wanted: Tensor) -> Tensor:
    """The output as it is with the bias that gives each channel the mean that is wanted."""
    return output + _means(wanted - output)


def _means(values: Tensor) -> Tensor:
    """Of each channel, [1, channels, ...]."""
    return values.mean(dim=[0, *range(2, values.dim())], keepdim=True)


def _deviations(values: Tensor) -> Tensor:
    """Of each channel, [1, channels, ...]."""
    return values.std(dim=[0, *range(2, values.dim())], correction=0, keepdim=True)


def _active(node: Node, value: Tensor) -> Tensor:
    if node.activation is None:
        return value
    return value.clamp(node.activation.minimum, node.activation.maximum)
