"""Cost tables against the measurement of a whole network of the same layers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from sqtvm import cost_tables
from sqtvm.allocate.costs import analytic_costs
from sqtvm.compile.benchmark import BenchmarkCase
from sqtvm.compile.kernel_call import KernelStyle
from sqtvm.compile.layouts import kernel_call
from sqtvm.compile.network import compile_network
from sqtvm.cost_tables import CostTable, cost_table
from sqtvm.errors import ToolError
from sqtvm.firmware.boards import load_board
from sqtvm.firmware.build import build
from sqtvm.firmware.project import generate
from sqtvm.measure.measure import measure
from sqtvm.measure.measurement import LayerMeasurement
from sqtvm.measure.store import CostStore
from sqtvm.measure.target import Target
from sqtvm.progress import silent
from sqtvm.quantize.build import quantize
from sqtvm.quantize.calibration import calibrate
from tests.compile.graphs import every_operator

GRAPH = every_operator()
BOARD = load_board("stm32f446")
X = np.random.default_rng(0).normal(size=(8, 3, 12, 10)).astype(np.float32)
ACTIVATIONS = calibrate(GRAPH, X)
WEIGHTED = [node.name for node in GRAPH.weighted]


def table(store: CostStore, folder: Path) -> CostTable:
    target = Target("emulator")
    style = KernelStyle.FAST
    return cost_table(GRAPH, ACTIVATIONS, X, BOARD, target, style, folder, silent, store)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> CostStore:
    return CostStore(tmp_path_factory.mktemp("store") / "costs.sqlite")


@pytest.fixture(scope="module")
def found(store: CostStore, tmp_path_factory: pytest.TempPathFactory) -> CostTable:
    return table(store, tmp_path_factory.mktemp("benchmark"))


def test_it_has_every_layer_at_all_bits(found: CostTable) -> None:
    assert {key for key in found.ms if key[1]} == {
        (name, bits) for name in WEIGHTED for bits in (8, 4, 2)
    }
    unweighted = {node.name for node in GRAPH.nodes[1:]} - set(WEIGHTED)
    assert {name for name, bits in found.ms if bits == 0} == unweighted
    assert found.source == "emulated"
    # Layers of few weights have the same kernel at all bits, which is measured once.
    assert len(WEIGHTED) < found.new < len(found.ms)
    assert any(len({found.ms[name, bits] for bits in (8, 4, 2)}) == 1 for name in WEIGHTED)


def test_layers_take_what_they_take_in_a_network(found: CostTable, tmp_path: Path) -> None:
    bits = {name: (8, 4, 2)[place % 3] for place, name in enumerate(WEIGHTED)}
    network = quantize(GRAPH, ACTIVATIONS, bits, X)
    archive = compile_network("every", GRAPH, network, BOARD.tvm_target, tmp_path / "a.tar")
    firmware = build(generate(archive.path, BOARD, tmp_path / "project"), "emulator")
    names = [layer.name for layer in network.layers]
    inputs = np.zeros((1, *network.input_shape), np.int8)
    whole = measure(firmware, BOARD, Target("emulator"), inputs, names)
    for layer in whole.layers:
        alone = found.ms[(layer.name, bits.get(layer.name, 0))]
        # A clamp or flatten that the planner puts in place moves nothing, or a few bytes less.
        assert alone == pytest.approx(layer.ms, rel=0.05, abs=2e-4), layer.name


def test_what_is_known_is_not_built_again(
    found: CostTable, store: CostStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("something was built")

    monkeypatch.setattr(cost_tables, "build", refuse)
    again = table(store, tmp_path)
    assert again.ms == found.ms
    assert again.new == 0


def test_only_what_is_missing_is_built(found: CostTable, store: CostStore, tmp_path: Path) -> None:
    rows = store.rows()
    kept = CostStore(tmp_path / "some.sqlite")
    kept.put(rows[:-2])
    again = table(kept, tmp_path / "benchmark")
    assert again.new == 2
    assert again.ms == pytest.approx(found.ms, rel=0.02)


def test_a_benchmark_that_does_not_fit_is_run_in_halves(
    found: CostTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []

    def small(cases: Sequence[BenchmarkCase], *_: object) -> tuple[LayerMeasurement, ...]:
        """The benchmark of at most 12 layers, which takes what is known."""
        sizes.append(len(cases))
        if len(cases) > 12:
            raise ToolError("the firmware does not fit stm32f446: it overflows flash by 3 bytes")
        ms = {f"{name}@{bits}": ms for (name, bits), ms in found.ms.items()}
        return tuple(
            LayerMeasurement(case.name, 1, ms[case.name] * BOARD.clock_hz / 1000, None)
            for case in cases
        )

    monkeypatch.setattr(cost_tables, "_run", small)
    again = table(CostStore(tmp_path / "empty.sqlite"), tmp_path / "benchmark")
    assert sizes[0] > 12
    assert max(sizes[1:]) <= 12
    assert again.ms == pytest.approx(found.ms)


def test_costs_know_the_table(found: CostTable) -> None:
    costs = found.applied_to(analytic_costs(GRAPH, BOARD.clock_hz))
    assert costs.source == "emulated"
    for name in WEIGHTED:
        assert costs.layer_ms(name, 4) == found.ms[(name, 4)]
    bits = dict.fromkeys(WEIGHTED, 2)
    parts = [ms for (_, own), ms in found.ms.items() if own in (0, 2)]
    assert costs.cost(bits).ms == pytest.approx(sum(parts))


def test_compact_kernels_of_other_bits_are_other_kernels() -> None:
    digests = set()
    for bits in (8, 4, 2):
        network = quantize(GRAPH, ACTIVATIONS, dict.fromkeys(WEIGHTED, bits), X[:1])
        layer = next(each for each in network.layers if each.name == "stem.conv")
        call = kernel_call(layer, network, KernelStyle.COMPACT)
        digests.add(cost_tables.kernel_digest(call, KernelStyle.COMPACT))
    assert len(digests) == 3
