"""A task small enough to train in a test: which of three bars an 8x8 image shows."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
import torch.nn.functional as functional

from sqtvm.frontend.execute import execute
from sqtvm.frontend.graph import AvgPool2d, Conv2d, Flatten, Graph, Input, Linear, Softmax
from sqtvm.frontend.model import Samples
from tests.quantize.graphs import RELU, node


def samples(count: int, seed: int) -> Samples:
    """Noisy images with a row, a column or a diagonal of ones."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(count, 1, 8, 8), scale=0.4).astype(np.float32)
    y = random.integers(0, 3, count)
    for image, label in zip(x[:, 0], y, strict=True):
        place = int(random.integers(1, 7))
        if label == 0:
            image[place, :] += 1
        elif label == 1:
            image[:, place] += 1
        else:
            image[np.arange(8), np.arange(8)] += 1
    return Samples(x, y.astype(np.int64), "bars")


@cache
def trained() -> Graph:
    """A network of three convolutions that tells the bars apart, the same at every call."""
    random = np.random.default_rng(1)

    def conv(depth: int, extent: int, groups: int) -> Conv2d:
        """To 8 channels, each from ``depth`` of the input's."""
        weight = random.normal(size=(8, depth, extent, extent), scale=(extent**2 * depth) ** -0.5)
        bias = np.zeros(8, np.float32)
        return Conv2d(weight.astype(np.float32), bias, (1, 1), (extent // 2,) * 4, groups)

    head = Linear(random.normal(size=(3, 8), scale=0.3).astype(np.float32), np.zeros(3, np.float32))
    graph = Graph(
        (
            node("x", Input(), [], (1, 8, 8)),
            node("stem", conv(1, 3, 1), ["x"], (8, 8, 8), RELU),
            node("depthwise", conv(1, 3, 8), ["stem"], (8, 8, 8), RELU),
            node("pointwise", conv(8, 1, 1), ["depthwise"], (8, 8, 8), RELU),
            node("pool", AvgPool2d((8, 8), (8, 8), (0, 0, 0, 0)), ["pointwise"], (8, 1, 1)),
            node("flatten", Flatten(), ["pool"], (8,)),
            node("head", head, ["flatten"], (3,)),
            node("softmax", Softmax(), ["head"], (3,)),
        )
    )
    logits = Graph(graph.nodes[:-1])
    parameters = {
        weighted.name: (
            torch.tensor(weighted.op.weight, requires_grad=True),
            torch.tensor(weighted.op.bias, requires_grad=True),
        )
        for weighted in graph.weighted
        if isinstance(weighted.op, Conv2d | Linear)
    }
    optimizer = torch.optim.Adam([t for pair in parameters.values() for t in pair], lr=0.01)
    training = samples(512, seed=2)
    x, y = torch.from_numpy(training.x), torch.from_numpy(training.y)
    # The order of sums hangs on the threads, and the same network is made in other processes too.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for step in range(150):
        batch = slice(step % 4 * 128, step % 4 * 128 + 128)
        loss = functional.cross_entropy(execute(logits, x[batch], parameters), y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    torch.set_num_threads(threads)
    return graph.with_parameters(
        {name: (w.detach().numpy(), b.detach().numpy()) for name, (w, b) in parameters.items()}
    )


def worn() -> Graph:
    """The trained network after noise on its weights: there is something to learn again."""
    random = np.random.default_rng(7)
    parameters = {}
    for weighted in trained().weighted:
        assert isinstance(weighted.op, Conv2d | Linear)
        weight = weighted.op.weight
        noise = random.normal(size=weight.shape, scale=0.7 * float(weight.std()))
        parameters[weighted.name] = (weight + noise.astype(np.float32), weighted.op.bias)
    return trained().with_parameters(parameters)
