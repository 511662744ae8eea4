"""The allocate stage as one call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch.nn.functional as functional

from sqtvm.allocate import baselines, measured, sigmaquant, trained
from sqtvm.allocate.allocation import Allocation, LayerStatistics
from sqtvm.allocate.budget import Budget, CostModel
from sqtvm.allocate.evaluate import Evaluator, Quality
from sqtvm.allocate.least_damage import reachable
from sqtvm.allocate.limits import binding, in_words
from sqtvm.allocate.moves import Problem, Walk
from sqtvm.allocate.nearest import nearest_accurate
from sqtvm.allocate.sigma_clusters import cluster_by_sigma
from sqtvm.allocate.statistics import weight_statistics
from sqtvm.errors import SqtvmError
from sqtvm.frontend.graph import Graph
from sqtvm.frontend.model import Model
from sqtvm.progress import OnProgress, silent
from sqtvm.quantize.loss import Loss
from sqtvm.quantize.network import TensorQuantization
from sqtvm.quantize.scheme import weight_bytes

_SEARCHES = {
    "measured": measured.search,
    "sigmaquant": sigmaquant.search,
    "sigmaquant-qat": trained.search,
    "uniform": baselines.uniform,
    "greedy": baselines.greedy,
    "hawq-v2": baselines.hawq_v2,
    "integer-programming": baselines.integer_programming,
    "random": baselines.random_search,
}
METHODS = tuple(_SEARCHES)
DEFAULT_METHOD = "measured"


@dataclass(frozen=True)
class AllocateSettings:
    """guiding_samples: that accuracy is judged on; correction_samples: that biases are corrected
    by during the search; maximum_evaluations: exchanges of bits to try at most in one search,
    besides two networks a layer for its sensitivity; final_samples: that the last choice among the
    best plans is made by; loss: what a method that trains lowers."""

    method: str = DEFAULT_METHOD
    seed: int = 0
    guiding_samples: int = 1000
    correction_samples: int = 128
    maximum_evaluations: int = 24
    final_samples: int = 4000
    loss: Loss = functional.cross_entropy


def layer_statistics(graph: Graph, seed: int = 0) -> tuple[LayerStatistics, ...]:
    """Sigma, cluster and divergences of every weighted layer, in execution order."""
    statistics = weight_statistics(graph)
    clusters = cluster_by_sigma({name: entry.sigma for name, entry in statistics.items()}, seed)
    return tuple(
        LayerStatistics(name, entry.sigma, clusters[name], entry.kl)
        for name, entry in statistics.items()
    )


def new_evaluator(
    model: Model,
    activations: Mapping[str, TensorQuantization],
    settings: AllocateSettings,
) -> Evaluator:
    """The evaluator that ``allocate`` needs; share one between calls, it remembers."""
    return Evaluator(
        model,
        activations,
        settings.guiding_samples,
        settings.correction_samples,
        settings.seed,
        settings.final_samples,
    )


def allocate(
    model: Model,
    budget: Budget,
    costs: CostModel,
    evaluator: Evaluator,
    settings: AllocateSettings,
    on_progress: OnProgress = silent,
) -> Allocation:
    """Bits of every weighted layer for a budget.

    When nothing holds the budget, the allocation that comes nearest, with ``feasible`` False and
    what binds in words. Raises SqtvmError for an unknown method.
    """
    if settings.method not in METHODS:
        raise SqtvmError(
            f"there is no allocation method {settings.method}", f"known: {', '.join(METHODS)}"
        )
    statistics = weight_statistics(model.graph)
    clusters = cluster_by_sigma(
        {name: entry.sigma for name, entry in statistics.items()}, settings.seed
    )
    names = tuple(statistics)
    problem = Problem(
        statistics,
        clusters,
        {node.name: weight_bytes(node, 8) for node in model.graph.weighted},
        reachable(names, budget, costs),
        costs,
        evaluator,
        settings.maximum_evaluations,
        on_progress,
        settings.seed,
        settings.loss,
    )
    return _result(model, budget, settings, _SEARCHES[settings.method](problem))


def _result(
    model: Model,
    budget: Budget,
    settings: AllocateSettings,
    walk: Walk,
) -> Allocation:
    problem, bits = walk.problem, walk.bits
    costs, evaluator = problem.costs, problem.evaluator
    quality = walk.trained or evaluator.quality(bits)
    evaluations = evaluator.evaluations
    cost = costs.cost(bits)
    words = list(binding(budget, cost, costs, bits))
    if words:
        words.append(f"the nearest that holds: {in_words(problem.budget)}")
    if budget.max_drop is not None:
        words += _accuracy_words(problem, bits, quality, budget.max_drop)
    return Allocation(
        bits,
        settings.method,
        quality.accuracy,
        cost,
        not words,
        tuple(words),
        layer_statistics(model.graph, settings.seed),
        tuple(walk.decisions),
        evaluations,
        quality.divergence,
    )


def _accuracy_words(
    problem: Problem, bits: Mapping[str, int], quality: Quality, max_drop: float
) -> list[str]:
    """What is lost beyond ``max_drop`` points, by which layers, and what would not lose it."""
    evaluator = problem.evaluator
    drop = 100 * (evaluator.float_accuracy - quality.accuracy)
    if drop <= max_drop:
        return []
    found = nearest_accurate(problem, bits, evaluator.float_accuracy - max_drop / 100)
    words = (
        f"accuracy: at most {max_drop:g} points may be lost, {drop:.2f} are, on the samples that "
        "guide the search"
    )
    if found.losing:
        words += f"; the layers whose bits cost most are {', '.join(found.losing)}"
    if found.bits is None:
        return [words, "not even 8 bits everywhere lose so little without training"]
    needed = problem.costs.cost(found.bits)
    return [
        words,
        f"the nearest that loses so little: {needed.ms:.4g} ms, {needed.flash_bytes:,} B of flash, "
        f"{needed.bops:,} bit operations",
    ]
