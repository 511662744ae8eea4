"""A report from a real integer network; only what a target would give is made up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sqtvm.allocate.allocate import layer_statistics
from sqtvm.allocate.allocation import Allocation, Decision
from sqtvm.allocate.budget import Budget, Cost
from sqtvm.firmware.boards import load_board
from sqtvm.firmware.memory_use import MemoryUse
from sqtvm.frontend.model import Model, Samples
from sqtvm.measure.measurement import LayerMeasurement, Measurement
from sqtvm.measure.verify import Verification
from sqtvm.quantize.build import quantize
from sqtvm.quantize.calibration import calibrate
from sqtvm.report import numbers
from sqtvm.report.build import build_report
from sqtvm.report.html import render_html
from sqtvm.report.schema import AccuracyPart, Report
from sqtvm.report.write import to_json
from sqtvm.rounds import Realisation, Round
from sqtvm.settings import DeploySettings
from tests.compile.graphs import every_operator

_CYCLES = 21_600.0


def _report(budget: Budget, allocated: float | None = 0.9) -> Report:
    graph = every_operator()
    random = np.random.default_rng(0)
    x = random.normal(size=(8, *graph.input.shape)).astype(np.float32)
    samples = Samples(x, np.zeros(8, np.int64), "samples.npz")
    model = Model("every", graph, samples, samples)
    choices = (8, 4, 2)
    bits = {node.name: choices[i % 3] for i, node in enumerate(graph.weighted)}
    network = quantize(graph, calibrate(graph, x), bits, x)
    layers = tuple(LayerMeasurement(layer.name, 20_000, _CYCLES, None) for layer in network.layers)
    measurement = Measurement(
        target="emulator",
        layers=layers,
        instructions=20_000 * len(layers),
        est_cycles=_CYCLES * len(layers),
        cycle_model="cortex-m7-rate v1",
        measured_cycles=None,
        ms=2.5,
        ms_source="emulated",
        memory=MemoryUse(1000, 2000, 30, 400, 50, 6),
        outputs=np.zeros((8, 5), np.int8),
    )
    board = load_board("stm32f746")
    cost = Cost(2.4, 3100, 460, 900, 7_000)
    statistics = layer_statistics(graph)
    layer = statistics[0].name
    before = replace(cost, flash_bytes=4_711)
    decision = Decision(layer, 8, 4, "to fit", 0.1, 0.2, before, cost, 0.9, kept=True)
    allocation = Allocation(
        bits, "sigmaquant", 0.91, cost, True, (), statistics, (decision,), 5, 0.02
    )
    realisation = Realisation(network, measurement)
    kept = Round(2, allocation, cost, "emulated", realisation, ())
    first = Round(1, allocation, cost, "modelled", realisation, ("time: too long",))
    return build_report(
        settings=DeploySettings("every.onnx", "samples.npz", "stm32f746", budget),
        board=board,
        model=model,
        rounds=(first, kept),
        kept=kept,
        accuracy=AccuracyPart(
            float_=0.92, int8=0.915, allocated=allocated, uniform={"8": 0.915}, samples=8
        ),
        verification=Verification(8, 0, ""),
        fine_tuned=False,
    )


def test_every_layer_is_in_order_with_its_figures() -> None:
    report = _report(Budget())
    graph = every_operator()
    assert [layer.name for layer in report.layers] == [node.name for node in graph.nodes[1:]]
    by_name = {layer.name: layer for layer in report.layers}
    depthwise = by_name["block.depthwise"]
    assert depthwise.op == "depthwise_conv2d"
    assert (depthwise.weight_bits, depthwise.weight_bytes) == (4, 6 * 9 // 2)
    assert depthwise.macs == 6 * 9 * 6 * 5
    assert depthwise.kl is not None
    assert depthwise.kl > 0
    assert depthwise.ms == pytest.approx(_CYCLES / 216e6 * 1e3)
    assert by_name["block.pointwise"].op == "pointwise_conv2d"
    assert by_name["block.grouped"].op == "grouped_conv2d"
    assert by_name["pool"].weight_bits is None
    assert by_name["pool"].sigma is None


def test_totals_are_sums() -> None:
    report = _report(Budget())
    totals = report.totals
    assert totals.flash_bytes == 3030
    assert totals.ram_bytes == 456
    assert totals.weight_bytes == sum(layer.weight_bytes for layer in report.layers)
    assert totals.uniform_weight_bytes["8"] > totals.weight_bytes
    assert report.model.params == sum(layer.params for layer in report.layers)


@pytest.mark.parametrize(
    ("budget", "holds"),
    [
        (Budget(), []),
        (Budget(ms=2.5), [True]),
        (Budget(ms=2.4), [False]),
        (Budget(flash_bytes=3030, ram_bytes=455), [True, False]),
        (Budget(bops=7_000), [True]),
        (Budget(bops=6_999), [False]),
        (Budget(max_drop=2.1), [True]),
        (Budget(max_drop=1.9), [False]),
    ],
)
def test_each_limit_is_judged_by_what_was_measured(budget: Budget, holds: list[bool]) -> None:
    report = _report(budget)
    assert [verdict.holds for verdict in report.verdicts] == holds
    assert report.met == all(holds)


def test_accuracy_that_is_unknown_does_not_hold_a_limit() -> None:
    report = _report(Budget(max_drop=50), allocated=None)
    assert report.verdicts[0].reached is None
    assert not report.met
    assert "Accuracy" in render_html(report)


def test_rounds_are_kept_in_order_and_the_kept_one_is_marked() -> None:
    report = _report(Budget(ms=50))
    assert [turn.kept for turn in report.iterations] == [False, True]
    assert report.iterations[0].failing == ("time: too long",)


def test_it_survives_json() -> None:
    report = _report(Budget(ms=50))
    assert Report.model_validate_json(to_json(report)) == report
    assert "--budget-ms 50" in report.settings.command
    assert {"sqtvm", "python", "torch", "numpy"} <= report.tool_versions.keys()


def test_decisions_tell_the_cluster_and_the_cost_before_and_after() -> None:
    report = _report(Budget())
    (decision,) = report.iterations[-1].decisions
    (statistics,) = (s for s in layer_statistics(every_operator()) if s.name == decision.layer)
    assert (decision.sigma, decision.cluster) == (statistics.sigma, statistics.cluster)
    assert (decision.cost_before.flash_bytes, decision.cost_after.flash_bytes) == (4_711, 3_100)
    page = render_html(report)
    assert numbers.small(statistics.sigma) in page
    assert numbers.size(4_711) in page
