from __future__ import annotations

import pytest

from sqtvm.allocate.costs import allocation_weight_bytes, analytic_costs
from tests.allocate.problems import chain

GRAPH = chain((8, 16, 32))
EIGHT = {"conv0": 8, "conv1": 8}
MIXED = {"conv0": 8, "conv1": 2}


def test_weights_are_counted_packed() -> None:
    assert allocation_weight_bytes(GRAPH, EIGHT) == 8 * 16 + 16 * 32
    assert allocation_weight_bytes(GRAPH, MIXED) == 8 * 16 + 16 * 32 // 4


def test_an_observed_allocation_costs_what_was_observed() -> None:
    costs = analytic_costs(GRAPH, 216_000_000)
    assert costs.source == "modelled"
    observed = costs.observe(EIGHT, {"conv0": 1.5, "conv1": 2.5}, 4.25, 20_000, 9_000, "emulated")
    cost = observed.cost(EIGHT)
    assert cost.ms == pytest.approx(4.25)
    assert (cost.flash_bytes, cost.ram_bytes) == (20_000, 9_000)
    assert observed.source == "emulated"


def test_other_bits_change_flash_by_their_weights_exactly() -> None:
    costs = analytic_costs(GRAPH, 216_000_000).observe(
        EIGHT, {"conv0": 1.5, "conv1": 2.5}, 4.25, 20_000, 9_000, "emulated"
    )
    saved = allocation_weight_bytes(GRAPH, EIGHT) - allocation_weight_bytes(GRAPH, MIXED)
    assert costs.cost(MIXED).flash_bytes == 20_000 - saved


def test_a_layer_keeps_its_time_at_bits_that_nobody_ran() -> None:
    costs = analytic_costs(GRAPH, 216_000_000).observe(
        EIGHT, {"conv0": 1.5, "conv1": 2.5}, 4.25, 20_000, 9_000, "emulated"
    )
    assert costs.layer_ms("conv1", 4) == 2.5
    again = costs.observe(MIXED, {"conv0": 1.5, "conv1": 2.0}, 3.75, 19_700, 9_000, "emulated")
    assert again.layer_ms("conv1", 2) == 2.0
    assert again.layer_ms("conv1", 8) == 2.5
