from __future__ import annotations

import numpy as np
import pytest
import torch

from sqtvm.errors import ModelError
from sqtvm.quantize.accuracy import prepare_input
from sqtvm.quantize.activation_bits import calibrate_at, narrowable
from sqtvm.quantize.build import quantize
from sqtvm.quantize.network import IntegerNetwork
from sqtvm.quantize.reference import run_layer
from tests.compile.graphs import every_operator

GRAPH = every_operator()
X = np.random.default_rng(0).normal(size=(16, 3, 12, 10)).astype(np.float32)
BITS = {node.name: 8 for node in GRAPH.weighted}


def at_four_bits() -> IntegerNetwork:
    activations = calibrate_at(GRAPH, X, dict.fromkeys(narrowable(GRAPH), 4))
    return quantize(GRAPH, activations, BITS, X)


def test_what_reads_or_writes_by_bytes_keeps_eight_bits() -> None:
    # Concatenation and flatten do, and with them what shares their input's scale.
    assert narrowable(GRAPH) == ("stem.conv", "block.depthwise", "block.pointwise", "block.add")


def test_pooling_follows_its_input() -> None:
    activations = calibrate_at(GRAPH, X, {"stem.conv": 4})
    four = [name for name, tensor in activations.items() if tensor.bits == 4]
    assert four == ["stem.conv", "stem.pool"]
    assert activations["stem.conv"] == activations["stem.pool"]


def test_integer_outputs_stay_within_their_bits() -> None:
    network = at_four_bits()
    quantizations = {network.input_name: network.input}
    values = {network.input_name: prepare_input(network, X)}
    for layer in network.layers:
        given = [torch.from_numpy(values[name]) for name in layer.inputs]
        sources = [quantizations[name] for name in layer.inputs]
        values[layer.name] = run_layer(layer, given, sources).numpy()
        quantizations[layer.name] = layer.output
        assert values[layer.name].min() >= layer.output.low
        assert values[layer.name].max() <= layer.output.high
        if layer.output.bits == 4:
            assert len(np.unique(values[layer.name])) > 4, f"{layer.name} uses few of 16 levels"


@pytest.mark.parametrize(("name", "bits"), [("flatten", 4), ("stem.conv", 2), ("nothing", 4)])
def test_other_bits_are_an_error(name: str, bits: int) -> None:
    with pytest.raises(ModelError, match=f"{name} cannot have {bits} bits"):
        calibrate_at(GRAPH, X, {name: bits})
