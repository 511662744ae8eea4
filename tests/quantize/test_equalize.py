from __future__ import annotations

import numpy as np
import torch

from sqtvm.frontend.execute import execute
from sqtvm.frontend.graph import Conv2d, Flatten, Graph, Input, Linear, MaxPool2d
from sqtvm.quantize.accuracy import prepare_input
from sqtvm.quantize.build import quantize
from sqtvm.quantize.calibration import calibrate
from sqtvm.quantize.equalize import equalize
from sqtvm.quantize.reference import run_integer
from tests.quantize.graphs import RELU, bits_of, node
from tests.quantize.shapes_task import samples, trained


def lopsided() -> Graph:
    """Channels of very different sizes, a depthwise layer, a pooling and a flatten between."""
    random = np.random.default_rng(0)

    def conv(out: int, depth: int, groups: int, sizes: np.ndarray) -> Conv2d:
        weight = random.normal(size=(out, depth, 3, 3)) * sizes.reshape(-1, 1, 1, 1)
        bias = random.normal(size=out) * sizes
        return Conv2d(weight.astype(np.float32), bias.astype(np.float32), (1, 1), (1,) * 4, groups)

    sizes = 10.0 ** random.uniform(-1.5, 1.5, 6)
    head = (random.normal(size=(3, 6, 16)) / sizes[:, None]).reshape(3, 96).astype(np.float32)
    return Graph(
        (
            node("x", Input(), [], (1, 8, 8)),
            node("stem", conv(6, 1, 1, sizes), ["x"], (6, 8, 8), RELU),
            node("depthwise", conv(6, 1, 6, np.ones(6)), ["stem"], (6, 8, 8), RELU),
            node("pool", MaxPool2d((2, 2), (2, 2), (0, 0, 0, 0)), ["depthwise"], (6, 4, 4)),
            node("flatten", Flatten(), ["pool"], (96,)),
            node("head", Linear(head, np.zeros(3, np.float32)), ["flatten"], (3,)),
        )
    )


X = np.random.default_rng(1).normal(size=(200, 1, 8, 8)).astype(np.float32)


def outputs(graph: Graph, x: np.ndarray) -> np.ndarray:
    return execute(graph, torch.from_numpy(x)).numpy()


def error(graph: Graph, bits: int) -> float:
    network = quantize(graph, calibrate(graph, X), bits_of(graph, bits), X)
    given = network.output.output.dequantize(run_integer(network, prepare_input(network, X)))
    return float(((given - outputs(lopsided(), X)) ** 2).mean())


def test_the_float_network_stays_the_same() -> None:
    for graph, x in ((lopsided(), X), (trained(), samples(50, seed=4).x)):
        before, after = outputs(graph, x), outputs(equalize(graph, x), x)
        np.testing.assert_allclose(after, before, rtol=1e-3, atol=1e-4 * np.abs(before).max())


def test_channels_of_different_sizes_lose_less() -> None:
    for bits in (8, 4):
        before, after = error(lopsided(), bits), error(equalize(lopsided(), X), bits)
        assert after < 0.8 * before, f"{bits} bits: {before:.4g} before, {after:.4g} after"


def test_a_clamp_that_is_no_relu_ends_a_pair() -> None:
    graph = lopsided()
    capped = Graph(
        tuple(
            node(n.name, n.op, list(n.inputs), n.shape, type(RELU)(0.0, 6.0))
            if n.name in ("stem", "depthwise")
            else n
            for n in graph.nodes
        )
    )
    for before, after in zip(capped.weighted, equalize(capped, X).weighted, strict=True):
        assert isinstance(before.op, Conv2d | Linear)
        assert isinstance(after.op, Conv2d | Linear)
        np.testing.assert_array_equal(before.op.weight, after.op.weight)
