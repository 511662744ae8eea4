"""Graphs, costs and evaluators for the allocators' tests."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from sqtvm.allocate.budget import Budget, Cost, CostModel
from sqtvm.allocate.evaluate import Quality
from sqtvm.allocate.least_damage import reachable
from sqtvm.allocate.moves import Problem
from sqtvm.allocate.sigma_clusters import cluster_by_sigma
from sqtvm.allocate.statistics import WeightStatistics
from sqtvm.frontend.graph import Conv2d, Graph, Input, Linear, Node


def chain(channels: tuple[int, ...], seed: int = 0) -> Graph:
    """Pointwise convolutions on 4x4, one a step between the channel counts."""
    random = np.random.default_rng(seed)
    nodes = [Node("x", Input(), (), (channels[0], 4, 4))]
    for number, (into, out) in enumerate(itertools.pairwise(channels)):
        weight = random.normal(size=(out, into, 1, 1), scale=0.1 * (number + 1))
        op = Conv2d(weight.astype(np.float32), np.zeros(out, np.float32), (1, 1), (0, 0, 0, 0), 1)
        nodes.append(Node(f"conv{number}", op, (nodes[-1].name,), (out, 4, 4)))
    return Graph(tuple(nodes))


@dataclass(frozen=True)
class TableCosts:
    """sizes: bytes at 8 bits; times: ms by layer and bits."""

    sizes: Mapping[str, int]
    times: Mapping[tuple[str, int], float]
    base: int = 100
    source: str = "modelled"

    def layer_ms(self, name: str, weight_bits: int) -> float:
        return self.times[name, weight_bits]

    def cost(self, weight_bits: Mapping[str, int]) -> Cost:
        packed = sum(self.layer_bytes(name, bits) for name, bits in weight_bits.items())
        ms = sum(self.layer_ms(name, bits) for name, bits in weight_bits.items())
        bops = sum(self.layer_bops(name, bits) for name, bits in weight_bits.items())
        return Cost(ms, self.base + packed, 1000, packed, bops)

    def layer_bytes(self, name: str, weight_bits: int) -> int:
        return self.sizes[name] * weight_bits // 8

    def layer_bops(self, name: str, weight_bits: int) -> int:
        return self.sizes[name] * weight_bits

    @property
    def largest_tensors(self) -> tuple[str, ...]:
        return tuple(self.sizes)[:2]


@dataclass
class TableEvaluator:
    """Divergence falls with every bit, by each layer's own weight."""

    importance: Mapping[str, float]
    seen: set[tuple[int, ...]] = field(default_factory=set)
    samples: int = 1000
    guide: range = range(4000)

    @property
    def graph(self) -> Graph:
        """Products of four by four weights, with the layers' names."""
        random = np.random.default_rng(0)
        nodes = [Node("x", Input(), (), (4,))]
        for name in self.importance:
            weight = random.normal(size=(4, 4)).astype(np.float32)
            op = Linear(weight, np.zeros(4, np.float32))
            nodes.append(Node(name, op, (nodes[-1].name,), (4,)))
        return Graph(tuple(nodes))

    @property
    def traces(self) -> Mapping[str, float]:
        return self.importance

    @property
    def evaluations(self) -> int:
        return len(self.seen)

    def quality(self, weight_bits: Mapping[str, int]) -> Quality:
        self.seen.add(tuple(weight_bits.values()))
        loss = sum(self.importance[name] * 2.0**-bits for name, bits in weight_bits.items())
        return Quality(1 / (1 + loss), loss)

    glance = final_quality = quality

    def knows(self, weight_bits: Mapping[str, int]) -> bool:
        return tuple(weight_bits.values()) in self.seen

    def clearly_worse(
        self, weight_bits: Mapping[str, int], known: Mapping[str, int], samples: int = 250
    ) -> bool:
        return self.quality(weight_bits).divergence > 1.2 * self.quality(known).divergence


def problem(sizes: Mapping[str, int], costs: CostModel, budget: Budget, seed: int = 0) -> Problem:
    random = np.random.default_rng(seed)
    statistics = {}
    for name in sizes:
        two, four, eight = sorted(random.uniform(0, 5, 3), reverse=True)
        kl = {8: float(eight), 4: float(four), 2: float(two)}
        statistics[name] = WeightStatistics(float(random.uniform(0.1, 0.5)), kl)
    clusters = cluster_by_sigma({name: entry.sigma for name, entry in statistics.items()}, 0)
    evaluator = TableEvaluator({name: float(random.uniform(0, 1)) for name in sizes})
    can_hold = reachable(tuple(sizes), budget, costs)
    return Problem(statistics, clusters, sizes, can_hold, costs, evaluator, 30)  # type: ignore[arg-type]
