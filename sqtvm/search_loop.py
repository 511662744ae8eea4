"""Closing the loop: rounds of allocate and measure until the budget holds or cannot."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sqtvm.allocate.allocate import AllocateSettings, allocate
from sqtvm.allocate.budget import Budget
from sqtvm.allocate.costs import LayerCosts, analytic_costs
from sqtvm.allocate.evaluate import Evaluator
from sqtvm.measure.measurement import Measurement
from sqtvm.progress import Progress
from sqtvm.realise import Workshop
from sqtvm.rounds import MAXIMUM_ROUNDS, Round, failing_budgets

# Instructions do not depend on the data, so one sample prices a round.
_PRICING_SAMPLES = 1


def run_rounds(
    workshop: Workshop,
    budget: Budget,
    evaluator: Evaluator,
    settings: AllocateSettings,
    folder: Path,
) -> tuple[Round, ...]:
    """Every round until the same allocation comes twice: what it costs is then known exactly.

    folder: for the rounds' archives and projects, one each below it.
    """
    model = workshop.model
    costs = analytic_costs(model.graph, workshop.board.clock_hz)
    rounds: list[Round] = []
    tried: set[tuple[tuple[str, int], ...]] = set()
    for number in range(1, MAXIMUM_ROUNDS + 1):
        workshop.on_progress(Progress("allocate", f"round {number}, costs {costs.source}"))
        allocation = allocate(model, budget, costs, evaluator, settings, workshop.on_progress)
        key = tuple(sorted(allocation.weight_bits.items()))
        if key in tried:
            break
        tried.add(key)
        network = workshop.quantize(model.graph, allocation.weight_bits)
        realisation = workshop.realise(
            model.graph, network, _PRICING_SAMPLES, folder / f"round-{number}", allocation.cost.ms
        )
        drop = 100 * (evaluator.float_accuracy - allocation.accuracy)
        failing = failing_budgets(budget, realisation.measurement, drop)
        rounds.append(
            Round(number, allocation, allocation.cost, costs.source, realisation, failing)
        )
        costs = _observe(costs, allocation.weight_bits, realisation.measurement, workshop)
    return tuple(rounds)


def best_round(rounds: tuple[Round, ...]) -> Round:
    """The most accurate of those that hold; where none does, the one that breaks the fewest
    limits, and of equals the most accurate."""
    return min(rounds, key=lambda turn: (len(turn.failing), -turn.allocation.accuracy))


def _observe(
    costs: LayerCosts,
    weight_bits: Mapping[str, int],
    measurement: Measurement,
    workshop: Workshop,
) -> LayerCosts:
    clock_hz = workshop.board.clock_hz
    layer_ms = {}
    for layer in measurement.layers:
        cycles = layer.est_cycles if layer.measured_cycles is None else layer.measured_cycles
        if cycles is not None:
            layer_ms[layer.name] = cycles / clock_hz * 1e3
    return costs.observe(
        weight_bits,
        layer_ms,
        measurement.ms,
        measurement.memory.flash_bytes,
        measurement.memory.ram_bytes,
        measurement.ms_source,
    )
