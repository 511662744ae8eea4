"""From the float graph and the bits of its layers to the integer network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sqtvm.errors import ModelError
from sqtvm.frontend.graph import (
    Add,
    AvgPool2d,
    Clamp,
    Concat,
    Conv2d,
    Flatten,
    FloatArray,
    Graph,
    Linear,
    MaxPool2d,
    Node,
    Softmax,
)
from sqtvm.quantize import fixed_point, moments
from sqtvm.quantize.network import (
    Int8Array,
    IntegerAdd,
    IntegerAvgPool2d,
    IntegerClamp,
    IntegerConcat,
    IntegerConv2d,
    IntegerFlatten,
    IntegerLayer,
    IntegerLinear,
    IntegerMaxPool2d,
    IntegerNetwork,
    IntegerOperator,
    IntegerSoftmax,
    Rescaling,
    TensorQuantization,
)
from sqtvm.quantize.reference import run_layer
from sqtvm.quantize.scheme import (
    SOFTMAX_OUTPUT,
    channels_last,
    keeps_scale,
    output_range,
    weight_range,
)
from sqtvm.quantize.weights import quantize_weights

# A bias beyond this many units makes its channel's weights coarser instead: what is left of
# the weights' precision is still far finer than the int8 output.
_LARGEST_BIAS = 1 << 22


@dataclass(frozen=True, eq=False)
class Correction:
    """What scales and biases are corrected by, whatever the bits. wanted: of each weighted node
    in the float graph; samples: int8 [count, *input shape], channels last."""

    wanted: Mapping[str, moments.Moments]
    samples: Int8Array


def correction(
    graph: Graph, activations: Mapping[str, TensorQuantization], x: FloatArray
) -> Correction:
    """x: float32 [count, *input shape], samples on which mean and spread of each layer's channels
    shall stay those of the float graph."""
    samples = activations[graph.input.name].quantize(x)
    if samples.ndim == 4:
        samples = np.ascontiguousarray(samples.transpose(0, 2, 3, 1))
    return Correction(moments.float_moments(graph, x), samples)


def quantize(
    graph: Graph,
    activations: Mapping[str, TensorQuantization],
    weight_bits: Mapping[str, int],
    correct_by: FloatArray | Correction | None = None,
) -> IntegerNetwork:
    """The integer network of a graph.

    activations: as ``calibrate`` gives them; weight_bits: 8, 4 or 2 for every node with
    weights; correct_by: samples as ``correction`` takes them, or what it made of them for the
    same graph and activations; without, scales and biases are taken as they are. An activation's
    scale is enlarged where int32 could not hold its layer's sums otherwise. Raises ModelError
    where bits are missing or unknown, or a layer has too many weights for int32.
    """
    _check_bits(graph, weight_bits)
    if correct_by is not None and not isinstance(correct_by, Correction):
        correct_by = correction(graph, activations, correct_by)

    quantizations = {graph.input.name: activations[graph.input.name]}
    values: dict[str, Tensor] = {}
    if correct_by is not None:
        values[graph.input.name] = torch.from_numpy(correct_by.samples)
    layers: list[IntegerLayer] = []
    for node in graph.nodes[1:]:
        inputs = [quantizations[name] for name in node.inputs]
        output = inputs[0] if keeps_scale(node) else activations[node.name]
        if isinstance(node.op, Conv2d | Linear):
            bits = weight_bits[node.name]
            wanted = None if correct_by is None else correct_by.wanted[node.name]
            integer_x = values.get(node.inputs[0])
            op, output = _weighted(node, bits, inputs[0], output, wanted, integer_x)
        else:
            op, output = _unweighted(node, inputs, output)
        layer = IntegerLayer(node.name, op, node.inputs, channels_last(node.shape), output)
        layers.append(layer)
        quantizations[node.name] = output
        if values:
            values[node.name] = run_layer(layer, [values[name] for name in node.inputs], inputs)
    return IntegerNetwork(
        graph.input.name,
        channels_last(graph.input.shape),
        quantizations[graph.input.name],
        tuple(layers),
    )


def matched(graph: Graph, network: IntegerNetwork) -> Graph:
    """The graph with the scales and biases that correction gave ``network``, which ``quantize``
    made of it: rounded at the same bits, weights and biases are those of the network, so that
    training starts from there."""
    parameters: dict[str, tuple[FloatArray, FloatArray]] = {}
    sources = {network.input_name: network.input}
    sources |= {layer.name: layer.output for layer in network.layers}
    for layer in network.layers:
        op = layer.op
        if isinstance(op, IntegerConv2d | IntegerLinear):
            node = graph[layer.name]
            assert isinstance(node.op, Conv2d | Linear)
            source = sources[layer.inputs[0]].scale
            gain = op.weight_scale / _with_room_for_bias(node.op, op.weight_bits, source)[1]
            unit = source * op.weight_scale
            shape = (-1, *(1,) * (node.op.weight.ndim - 1))
            parameters[layer.name] = (
                (node.op.weight * gain.reshape(shape)).astype(np.float32),
                (op.bias * unit).astype(np.float32),
            )
    return graph.with_parameters(parameters)


def _check_bits(graph: Graph, weight_bits: Mapping[str, int]) -> None:
    for node in graph.weighted:
        bits = weight_bits.get(node.name)
        if bits not in (8, 4, 2):
            raise ModelError(
                f"{node.name} has {bits} weight bits", "give 8, 4 or 2 for every weighted layer"
            )


def _weighted(
    node: Node,
    bits: int,
    source: TensorQuantization,
    output: TensorQuantization,
    wanted: moments.Moments | None,
    integer_x: Tensor | None,
) -> tuple[IntegerOperator, TensorQuantization]:
    op = node.op
    assert isinstance(op, Conv2d | Linear)
    weight, scale = _with_room_for_bias(op, bits, source.scale)
    real_bias = op.bias.astype(np.float64)
    if wanted is not None and integer_x is not None:
        gain, shift = moments.match(node, weight, scale, wanted, integer_x, source)
        scale, real_bias = scale * gain, real_bias + shift
    bias = np.rint(real_bias / (source.scale * scale)).astype(np.int64)
    bound = np.abs(weight.reshape(len(weight), -1).astype(np.int64)).sum(axis=1) * 255
    requantized = fixed_point.requantization(
        source.scale * scale, output, bound + np.abs(bias), node.name
    )
    output = requantized.output
    clip = output_range(output, [node.activation])
    common = (
        bits,
        scale,
        bias.astype(np.int32),
        requantized.multiplier,
        requantized.left_shift,
        clip,
    )
    if isinstance(op, Linear):
        return IntegerLinear(weight, *common), output
    ohwi = np.ascontiguousarray(weight.transpose(0, 2, 3, 1))
    return IntegerConv2d(ohwi, *common, op.stride, op.padding, op.groups), output


def _with_room_for_bias(
    op: Conv2d | Linear, bits: int, source_scale: float
) -> tuple[Int8Array, NDArray[np.float64]]:
    """Integer weights and scales such that no bias exceeds ``_LARGEST_BIAS`` units."""
    integers, scale = _rounded(op, bits)
    weight = integers.copy()
    least = np.abs(op.bias.astype(np.float64)) / (source_scale * _LARGEST_BIAS)
    dead = ~weight.reshape(len(weight), -1).any(axis=1)
    scale = np.where(dead & (least > 0), least, scale)
    coarse = np.abs(scale) < least
    if coarse.any():
        scale = np.where(coarse, least, scale)
        low, high = weight_range(bits)
        rows = op.weight[coarse]
        shape = (-1, *(1,) * (rows.ndim - 1))
        integers = np.clip(np.rint(rows / scale[coarse].reshape(shape)), low, high)
        weight[coarse] = integers.astype(np.int8)
    return weight, scale


@lru_cache(maxsize=256)
def _rounded(op: Conv2d | Linear, bits: int) -> tuple[Int8Array, NDArray[np.float64]]:
    """Searches of bits come back to the same layers again and again."""
    return quantize_weights(op.weight, bits)


def _unweighted(
    node: Node, inputs: list[TensorQuantization], output: TensorQuantization
) -> tuple[IntegerOperator, TensorQuantization]:
    op = node.op
    if isinstance(op, Softmax):
        return IntegerSoftmax(fixed_point.softmax_table(inputs[0].scale)), SOFTMAX_OUTPUT
    if isinstance(op, Flatten):
        return IntegerFlatten(), output
    if isinstance(op, Clamp):
        return IntegerClamp(output_range(output, [op, node.activation])), output
    if isinstance(op, MaxPool2d):
        clip = output_range(output, [node.activation])
        return IntegerMaxPool2d(op.kernel, op.stride, op.padding, clip), output
    if isinstance(op, AvgPool2d):
        window = op.kernel[0] * op.kernel[1]
        requantized = fixed_point.requantization(
            np.array([inputs[0].scale / window]), output, np.array([255 * window]), node.name
        )
        output = requantized.output
        return (
            IntegerAvgPool2d(
                op.kernel,
                op.stride,
                op.padding,
                int(requantized.multiplier[0]),
                requantized.left_shift,
                output_range(output, [node.activation]),
            ),
            output,
        )
    output = fixed_point.reachable(inputs, output)
    clip = output_range(output, [node.activation])
    if isinstance(op, Add):
        factors, offset, shift = fixed_point.scaled_sum(inputs, output)
        return IntegerAdd((factors[0], factors[1]), offset, shift, clip), output
    if isinstance(op, Concat):
        rescalings = tuple(_rescaling(source, output) for source in inputs)
        if clip != output_range(output, []):
            # A plain copy does not clip.
            rescalings = tuple(rescaling or Rescaling(1, 0, 0) for rescaling in rescalings)
        return IntegerConcat(rescalings, clip), output
    raise AssertionError(f"no integer rule for {type(op).__name__}")


def _rescaling(source: TensorQuantization, output: TensorQuantization) -> Rescaling | None:
    if source == output:
        return None
    factors, offset, shift = fixed_point.scaled_sum([source], output)
    return Rescaling(factors[0], offset, shift)
