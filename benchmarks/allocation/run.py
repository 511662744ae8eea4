"""Fills cells: chooses bits, finishes the network with them, and judges it on the test set."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from benchmarks.allocation.cells import Cell, Finish, Result
from benchmarks.allocation.networks import TASKS
from benchmarks.allocation.training import trained_graph
from sqtvm.allocate.allocate import AllocateSettings, allocate
from sqtvm.allocate.allocation import Allocation
from sqtvm.allocate.budget import Budget
from sqtvm.allocate.costs import LayerCosts
from sqtvm.allocate.evaluate import Evaluator, Quality
from sqtvm.frontend.model import Model, Samples
from sqtvm.quantize.accuracy import accuracy, float_accuracy
from sqtvm.quantize.build import quantize
from sqtvm.quantize.calibration import calibrate
from sqtvm.quantize.finetune import FineTuneSettings, fine_tune
from sqtvm.quantize.network import TensorQuantization
from sqtvm.quantize.reconstruct import ReconstructSettings, reconstruct
from sqtvm.quantize.scheme import weight_bytes

_CALIBRATION_SAMPLES = 512
FINE_TUNING = FineTuneSettings(steps=100)
RECONSTRUCTION = ReconstructSettings()
ALLOCATION = AllocateSettings()
_ALLOCATION_SETTINGS = {
    "guiding_samples": ALLOCATION.guiding_samples,
    "correction_samples": ALLOCATION.correction_samples,
    "maximum_evaluations": ALLOCATION.maximum_evaluations,
}


class _MeteredEvaluator(Evaluator):
    """Shares what it knows between methods, and tells what each would have needed alone."""

    def __init__(self, model: Model, activations: Mapping[str, TensorQuantization], seed: int):
        super().__init__(
            model, activations, ALLOCATION.guiding_samples, ALLOCATION.correction_samples, seed
        )
        self._cost: dict[tuple[int, ...], float] = {}
        self._asked: set[tuple[int, ...]] = set()
        self._spent = 0.0

    def begin(self) -> None:
        self._asked, self._spent = set(), 0.0

    def quality(self, weight_bits: Mapping[str, int]) -> Quality:
        started = time.monotonic()
        found = super().quality(weight_bits)
        spent = time.monotonic() - started
        key = tuple(weight_bits.values())
        self._cost.setdefault(key, spent)
        self._asked.add(key)
        self._spent += spent
        return found

    @property
    def evaluations(self) -> int:
        return len(self._asked)

    @property
    def unpaid_seconds(self) -> float:
        """What this method's evaluations cost, without what it was made to wait for them."""
        return sum(self._cost[key] for key in self._asked) - self._spent


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
        found = replace(found, cell=cell, settings=settings(cell.finish))
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


def settings(finish: Finish) -> dict[str, Any]:
    """What a result hangs on beside its cell."""
    found = {"calibration_samples": _CALIBRATION_SAMPLES, **_ALLOCATION_SETTINGS}
    how = {Finish.FINE_TUNED: FINE_TUNING, Finish.RECONSTRUCTED: RECONSTRUCTION}.get(finish)
    return found if how is None else {**found, "finish": asdict(how)}


def holds_settings(result: Result) -> bool:
    """Whether a result is of the settings that are in force now."""
    return dict(result.settings) == settings(result.cell.finish)


def _chosen_alike(result: Result) -> bool:
    found = dict(result.settings)
    return all(found.get(key) == value for key, value in settings(Finish.CORRECTED).items())


def prepare(network: str, seed: int) -> Bench:
    """A network of the benchmark with its calibration samples, which the seed chooses."""
    task = TASKS[network]
    split = task.load()
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
    started = time.monotonic()
    bench.evaluator.begin()
    allocation = choose(bench, cell.share, cell.method, cell.seed)
    seconds = time.monotonic() - started + bench.evaluator.unpaid_seconds
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
        settings(cell.finish),
    )


def _finish(bench: Bench, found: Result) -> Result:
    model, cell = bench.model, found.cell
    assert model.training is not None
    names = [node.name for node in model.graph.weighted]
    bits = dict(zip(names, found.weight_bits, strict=True))
    started = time.monotonic()
    graph = model.graph
    if cell.finish is Finish.FINE_TUNED:
        training = replace(FINE_TUNING, seed=cell.seed)
        graph = fine_tune(graph, bench.activations, bits, model.training, training)
    if cell.finish is Finish.RECONSTRUCTED:
        rounding = replace(RECONSTRUCTION, seed=cell.seed)
        graph = reconstruct(graph, bench.activations, bits, model.calibration.x, rounding)
    network = quantize(graph, bench.activations, bits, model.calibration.x)
    seconds = time.monotonic() - started
    return replace(found, accuracy=accuracy(network, model.evaluation), finish_seconds=seconds)
