from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as functional

from sqtvm.allocate.hessian import hessian_damage, hessian_traces
from sqtvm.frontend.execute import execute
from sqtvm.frontend.graph import Graph, Input, Linear, Node
from sqtvm.frontend.model import Samples


def one_layer() -> Graph:
    random = np.random.default_rng(0)
    weight = random.normal(size=(3, 4)).astype(np.float32)
    nodes = [
        Node("x", Input(), (), (4,)),
        Node("layer", Linear(weight, np.zeros(3, np.float32)), ("x",), (3,)),
    ]
    return Graph(tuple(nodes))


def samples() -> Samples:
    random = np.random.default_rng(1)
    x = random.normal(size=(64, 4)).astype(np.float32)
    return Samples(x, random.integers(0, 3, 64), "drawn")


def test_the_trace_is_that_of_the_whole_hessian() -> None:
    """The estimate's spread over seeds is known by the seeds themselves."""
    graph, data = one_layer(), samples()
    assert data.y is not None
    bias = torch.zeros(3)

    def loss(weight: torch.Tensor) -> torch.Tensor:
        given = execute(graph, torch.from_numpy(data.x), {"layer": (weight, bias)})
        return functional.cross_entropy(given, torch.from_numpy(data.y))

    op = graph["layer"].op
    assert isinstance(op, Linear)
    hessian = torch.autograd.functional.hessian(loss, torch.from_numpy(op.weight))
    assert isinstance(hessian, torch.Tensor)
    exact = float(hessian.reshape(12, 12).trace())
    estimates = [hessian_traces(graph, data, seed)["layer"] for seed in range(20)]
    error = np.std(estimates) / np.sqrt(len(estimates))
    assert abs(np.mean(estimates) - exact) < 4 * error + 1e-3
    assert error < 0.1 * exact


def test_fewer_bits_do_more_damage() -> None:
    damage = hessian_damage(one_layer(), {"layer": 0.5})
    assert 0 < damage("layer", 8, 4) < damage("layer", 8, 2)
    assert damage("layer", 2, 8) == -damage("layer", 8, 2)


def test_without_labels_the_networks_own_classes_serve() -> None:
    data = samples()
    traces = hessian_traces(one_layer(), Samples(data.x, None, "drawn"), 0)
    assert traces["layer"] > 0
