"""Fills cells: chooses bits, finishes the network with them, and judges it on the test set."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from benchmarks.allocation.cells import Cell, Finish, Result
from benchmarks.allocation.networks import TASKS
from benchmarks.allocation.samples import Split
from benchmarks.allocation.training import trained_graph, weights_digest
from sqtvm.allocate.allocate import AllocateSettings, allocate
from sqtvm.allocate.allocation import Allocation
from sqtvm.allocate.budget import BITS, Budget
from sqtvm.allocate.costs import LayerCosts
from sqtvm.allocate.evaluate import Evaluator, Judged
from sqtvm.allocate.hessian import hessian_traces
from sqtvm.allocate.trained import CYCLE, CYCLES
from sqtvm.frontend.model import Model, Samples
from sqtvm.quantize.accuracy import accuracy, float_accuracy
from sqtvm.quantize.build import quantize
from sqtvm.quantize.calibration import calibrate
from sqtvm.quantize.finetune import FineTuneSettings, fine_tune
from sqtvm.quantize.network import TensorQuantization
from sqtvm.quantize.reconstruct import ReconstructSettings, reconstruct
from sqtvm.quantize.scheme import weight_bytes, weight_range

_CALIBRATION_SAMPLES = 512
FINE_TUNING = FineTuneSettings(steps=100, batch_size=64)
RECONSTRUCTION = ReconstructSettings()
ALLOCATION = AllocateSettings()
# Methods that run no network.
_UNGUIDED = ("uniform", "sigmaquant")


class _MeteredEvaluator(Evaluator):
    """Shares what it knows between methods, and tells what each would have needed alone."""

    def __init__(self, model: Model, activations: Mapping[str, TensorQuantization], seed: int):
        super().__init__(
            model,
            activations,
            ALLOCATION.guiding_samples,
            ALLOCATION.correction_samples,
            seed,
            ALLOCATION.final_samples,
        )
        # Of each allocation: from which sample on something was run, and what it took.
        self._costs: dict[tuple[int, ...], list[tuple[int, float]]] = defaultdict(list)
        self._known: dict[tuple[int, ...], int] = {}
        self._asked: dict[tuple[int, ...], int] = {}
        self._traced: Mapping[str, float] = {}
        self._tracing = self._spent = self._owed = 0.0

    def begin(self) -> None:
        self._asked, self._spent, self._owed, self._others = {}, 0.0, 0.0, 0

    @property
    def traces(self) -> Mapping[str, float]:
        if self._traced:
            self._owed = self._tracing
        else:
            started = time.process_time()
            self._traced = hessian_traces(self.graph, self.guide, self._seed)
            self._tracing = time.process_time() - started
        return self._traced

    def judged(self, weight_bits: Mapping[str, int], samples: int) -> Judged:
        started = time.process_time()
        found = super().judged(weight_bits, samples)
        spent = time.process_time() - started
        key = self.key(weight_bits)
        if samples > self._known.get(key, 0):
            self._costs[key].append((self._known.get(key, 0), spent))
            self._known[key] = samples
        self._asked[key] = max(samples, self._asked.get(key, 0))
        self._spent += spent
        return found

    @property
    def evaluations(self) -> int:
        return len(self._asked) + self._others

    @property
    def unpaid_seconds(self) -> float:
        """What this method's evaluations cost, without what it was made to wait for them."""
        needed = (
            cost
            for key, samples in self._asked.items()
            for start, cost in self._costs[key]
            if start < samples
        )
        return sum(needed) - self._spent + self._owed


@dataclass(frozen=True, eq=False)
class Bench:
    """One network with one seed, ready to be allocated."""

    model: Model
    activations: Mapping[str, TensorQuantization]
    evaluator: _MeteredEvaluator
    float_accuracy: float


class Runner:
    """Keeps the network that the last cell was of: the order of the cells makes use of it."""

    def __init__(self, known: list[Result]) -> None:
        self._known = list(known)
        self._benches: dict[tuple[str, int], Bench] = {}

    def run(self, cell: Cell) -> Result:
        bench = self._bench(cell.network, cell.seed)
        found = self._allocated(cell)
        if found is None:
            found = _allocate(bench, cell)
        found = replace(found, cell=cell, settings=settings(cell))
        twin = self._finished(cell, found.weight_bits)
        if twin is not None:
            result = replace(
                found,
                accuracy=twin.accuracy,
                finish_seconds=twin.finish_seconds,
                same_as=twin.same_as or twin.cell.method,
            )
        else:
            result = _finish(bench, replace(found, same_as=""))
        self._known.append(result)
        return result

    def _bench(self, network: str, seed: int) -> Bench:
        if (network, seed) not in self._benches:
            if len(self._benches) > 1:
                self._benches.clear()
            self._benches[network, seed] = prepare(network, seed)
        return self._benches[network, seed]

    def _allocated(self, cell: Cell) -> Result | None:
        """A result of the same choice of bits, however it was finished."""
        like = replace(cell, finish=Finish.CORRECTED)
        for result in self._known:
            if replace(result.cell, finish=Finish.CORRECTED) == like and _chosen_alike(result):
                return result
        return None

    def _finished(self, cell: Cell, weight_bits: tuple[int, ...]) -> Result | None:
        for result in self._known:
            known = result.cell
            same = (known.network, known.seed, known.finish) == (
                cell.network,
                cell.seed,
                cell.finish,
            )
            if same and result.weight_bits == weight_bits and holds_settings(result):
                return result
        return None


def settings(cell: Cell) -> dict[str, Any]:
    """What a result hangs on beside its cell."""
    how = {Finish.FINE_TUNED: FINE_TUNING, Finish.RECONSTRUCTED: RECONSTRUCTION}.get(cell.finish)
    finish = {} if how is None else {"finish": asdict(how)}
    return {**_choice(cell), **finish}


def holds_settings(result: Result) -> bool:
    """Whether a result is of the settings that are in force now."""
    return dict(result.settings) == settings(result.cell)


def _choice(cell: Cell) -> dict[str, Any]:
    """What the choice of bits hangs on beside its cell."""
    found: dict[str, Any] = {
        "float_weights": weights_digest(TASKS[cell.network]),
        "corrected": "mean and spread",
        "weight_ranges": [list(weight_range(bits)) for bits in BITS],
        "calibration_samples": _CALIBRATION_SAMPLES,
    }
    if cell.method == "sigmaquant-qat":
        found |= {"cycles": CYCLES, "cycle": asdict(CYCLE)}
    if cell.method not in _UNGUIDED:
        given = asdict(ALLOCATION)
        apart = ("method", "seed", "loss")
        found |= {key: value for key, value in given.items() if key not in apart}
    return found


def _chosen_alike(result: Result) -> bool:
    found = dict(result.settings)
    return all(found.get(key) == value for key, value in _choice(result.cell).items())


def prepare(network: str, seed: int) -> Bench:
    """A network of the benchmark with its calibration samples, which the seed chooses."""
    task = TASKS[network]
    split = _split(network)
    graph = trained_graph(task, split)
    chosen = np.random.default_rng(seed).choice(
        len(split.train), _CALIBRATION_SAMPLES, replace=False
    )
    labels = split.train.y
    assert labels is not None
    calibration = Samples(split.train.x[chosen], labels[chosen], split.train.source)
    model = Model(network, graph, calibration, split.test, split.train)
    activations = calibrate(graph, calibration.x)
    evaluator = _MeteredEvaluator(model, activations, seed)
    return Bench(model, activations, evaluator, float_accuracy(graph, split.test))


@lru_cache(maxsize=1)
def _split(network: str) -> Split:
    return TASKS[network].load()


def budget_bytes(bench: Bench, share: int) -> int:
    """share: percent of the weights' bytes at 8 bits."""
    return sum(weight_bytes(node, 8) for node in bench.model.graph.weighted) * share // 100


def choose(bench: Bench, share: int, method: str, seed: int) -> Allocation:
    """Bits for a budget of packed weights alone."""
    costs = LayerCosts(bench.model.graph, clock_hz=1, ram_bytes=0)
    budget = Budget(flash_bytes=budget_bytes(bench, share))
    chosen = replace(ALLOCATION, method=method, seed=seed)
    return allocate(bench.model, budget, costs, bench.evaluator, chosen)


def _allocate(bench: Bench, cell: Cell) -> Result:
    """The bits alone; the accuracy is still missing."""
    names = [node.name for node in bench.model.graph.weighted]
    started = time.process_time()
    bench.evaluator.begin()
    allocation = choose(bench, cell.share, cell.method, cell.seed)
    seconds = time.process_time() - started + bench.evaluator.unpaid_seconds
    return Result(
        cell,
        tuple(allocation.weight_bits[name] for name in names),
        allocation.cost.weight_bytes,
        budget_bytes(bench, cell.share),
        bench.float_accuracy,
        float("nan"),
        # allocate() evaluates its answer once more for every method.
        bench.evaluator.evaluations,
        seconds,
        0.0,
        "",
        settings(cell),
    )


def _finish(bench: Bench, found: Result) -> Result:
    model, cell = bench.model, found.cell
    assert model.training is not None
    names = [node.name for node in model.graph.weighted]
    bits = dict(zip(names, found.weight_bits, strict=True))
    started = time.process_time()
    graph = model.graph
    if cell.finish is Finish.FINE_TUNED:
        training = replace(FINE_TUNING, seed=cell.seed)
        graph = fine_tune(graph, bench.activations, bits, model.training, training)
    if cell.finish is Finish.RECONSTRUCTED:
        rounding = replace(RECONSTRUCTION, seed=cell.seed)
        graph = reconstruct(graph, bench.activations, bits, model.calibration.x, rounding)
    network = quantize(graph, bench.activations, bits, model.calibration.x)
    seconds = time.process_time() - started
    return replace(found, accuracy=accuracy(network, model.evaluation), finish_seconds=seconds)
