"""Closing the loop: rounds of allocate and measure until the budget holds or cannot."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from sqtvm.allocate.allocate import AllocateSettings, allocate
from sqtvm.allocate.allocation import Allocation
from sqtvm.allocate.budget import BITS, Budget, Cost
from sqtvm.allocate.costs import LayerCosts, analytic_costs
from sqtvm.allocate.evaluate import BY_CHANCE, Evaluator
from sqtvm.allocate.limits import exceeded
from sqtvm.compile.kernel_call import KernelStyle
from sqtvm.cost_tables import workshop_table
from sqtvm.measure.energy import modelled_energy
from sqtvm.measure.measurement import Measurement
from sqtvm.pricing import price
from sqtvm.progress import Progress
from sqtvm.realise import Workshop
from sqtvm.rounds import MAXIMUM_ROUNDS, Round, failing_budgets

# In one round, until one was not measured before.
_PROPOSALS = 8


def run_rounds(
    workshop: Workshop,
    budget: Budget,
    evaluator: Evaluator,
    settings: AllocateSettings,
    folder: Path,
) -> tuple[Round, ...]:
    """Every round with fast kernels, and with compact ones too where flash binds: the code that
    they save is room for weights.

    folder: for the rounds' archives and projects, one each below it. No more than
    MAXIMUM_ROUNDS in all.
    """
    # Where compact kernels may be tried too, half of the rounds are left for them.
    last = MAXIMUM_ROUNDS if budget.flash_bytes is None else MAXIMUM_ROUNDS // 2
    fast = range(1, last + 1)
    rounds = _rounds_of(KernelStyle.FAST, fast, workshop, budget, evaluator, settings, folder)
    best = best_round(budget, rounds)
    full = all(bits == max(BITS) for bits in best.allocation.weight_bits.values())
    if budget.flash_bytes is None or (best.holds and full):
        return rounds
    compact = range(len(rounds) + 1, MAXIMUM_ROUNDS + 1)
    return rounds + _rounds_of(
        KernelStyle.COMPACT, compact, workshop, budget, evaluator, settings, folder
    )


def _rounds_of(
    style: KernelStyle,
    numbers: range,
    workshop: Workshop,
    budget: Budget,
    evaluator: Evaluator,
    settings: AllocateSettings,
    folder: Path,
) -> tuple[Round, ...]:
    """Rounds until an allocation comes twice that holds, or that nothing lighter is left beside:
    what it costs is then known exactly."""
    model = workshop.model
    activation_bits = {name: tensor.bits for name, tensor in workshop.activations.items()}
    costs = analytic_costs(model.graph, workshop.board.clock_hz, activation_bits)
    if workshop.ram_bytes is not None:
        costs = replace(costs, ram_bytes=workshop.ram_bytes)
    table = workshop_table(workshop, style, folder / f"layers-{style}")
    if table is not None:
        costs = table.applied_to(costs)
    energy = modelled_energy(workshop.board, 1.0)
    mj_per_ms = None if energy is None else energy.mj
    rounds: list[Round] = []
    for number in numbers:
        workshop.on_progress(
            Progress("allocate", f"round {number}, {style} kernels, costs {costs.source}")
        )
        wanted = budget.with_energy_as_time(mj_per_ms)

        def find(limits: Budget, by: LayerCosts) -> Allocation:
            return allocate(model, limits, by, evaluator, settings, workshop.on_progress)

        proposal = _propose(find, wanted, costs, rounds, workshop)
        if proposal is None:
            break
        allocation, costs = proposal
        network = workshop.quantize(model.graph, allocation.weight_bits)
        realisation = price(
            workshop, network, style, folder / f"round-{number}", allocation.cost.ms
        )
        drop = 100 * (evaluator.float_accuracy - allocation.accuracy)
        failing = failing_budgets(budget, realisation.measurement, drop, allocation.cost.bops)
        rounds.append(
            Round(number, allocation, allocation.cost, costs.source, realisation, failing, style)
        )
        measured = realisation.measurement
        workshop.on_progress(
            Progress(
                "compare",
                f"round {number}: predicted {allocation.cost.ms:.3f} ms, "
                f"{measured.ms_source} {measured.ms:.3f} ms; predicted "
                f"{allocation.cost.flash_bytes:,} B of flash, linked "
                f"{measured.memory.flash_bytes:,} B; predicted {allocation.cost.ram_bytes:,} B "
                f"of RAM, taken {measured.memory.ram_bytes:,} B"
                + _compared_energy(mj_per_ms, allocation.cost.ms, measured),
                lasting=True,
            )
        )
        mj_per_ms = _mj_per_ms(measured)
        costs = _observe(costs, allocation.weight_bits, realisation.measurement, workshop)
    return tuple(rounds)


def _propose(
    find: Callable[[Budget, LayerCosts], Allocation],
    wanted: Budget,
    costs: LayerCosts,
    rounds: Sequence[Round],
    workshop: Workshop,
) -> tuple[Allocation, LayerCosts] | None:
    """An allocation that was not measured before, and the costs that speak for it; None where the
    best that is known needs no other.

    Costs are right for the firmware that was measured last and nearly so for others. So one that
    is known to break the budget may be proposed again, and then the next lighter is looked for;
    and one that is known to hold it, which then is judged by its own firmware's costs.
    """
    tried = {_key(turn.allocation): turn for turn in rounds}
    judged = rounds[-1:]
    for _ in range(_PROPOSALS):
        allocation = find(wanted, costs)
        known = tried.get(_key(allocation))
        if known is None:
            return allocation, costs
        measured = known.realisation.measurement
        if not known.holds:
            tighter = _without(wanted, measured, allocation.cost)
            if tighter == wanted:
                return None
            wanted = tighter
        elif known in judged:
            return None
        else:
            costs = _observe(costs, known.allocation.weight_bits, measured, workshop)
            judged = [*judged, known]
    return None


def _compared_energy(mj_per_ms: float | None, ms: float, measured: Measurement) -> str:
    if mj_per_ms is None or measured.energy is None:
        return ""
    energy = measured.energy
    return f"; predicted {mj_per_ms * ms:.4g} mJ, {energy.source} {energy.mj:.4g} mJ"


def _key(allocation: Allocation) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(allocation.weight_bits.items()))


def _without(wanted: Budget, measured: Measurement, predicted: Cost) -> Budget:
    """Limits just below what is predicted of an allocation that was measured to break them; the
    same limits where none is to blame."""
    flash, ram, ms = wanted.flash_bytes, wanted.ram_bytes, wanted.ms
    if flash is not None and predicted.flash_bytes <= flash < measured.memory.flash_bytes:
        flash = predicted.flash_bytes - 1
    if ram is not None and predicted.ram_bytes <= ram < measured.memory.ram_bytes:
        ram = predicted.ram_bytes - 1
    if ms is not None and predicted.ms <= ms < measured.ms:
        ms = math.nextafter(predicted.ms, 0)
    return replace(wanted, flash_bytes=flash, ram_bytes=ram, ms=ms)


def best_round(budget: Budget, rounds: tuple[Round, ...]) -> Round:
    """Of those that hold, the one whose outputs are closest to the float network's; of those that
    the guiding samples cannot tell apart, the one with most bits, which uses the budget up, and
    of equals the fastest. Where none holds, the one that comes nearest to its worst limit."""
    holding = [turn for turn in rounds if turn.holds]
    if holding:
        least = min(turn.allocation.divergence for turn in holding)
        equal = [turn for turn in holding if turn.allocation.divergence <= least * BY_CHANCE]
        return min(
            equal,
            key=lambda turn: (
                -turn.allocation.cost.weight_bytes,
                turn.realisation.measurement.ms,
            ),
        )

    def rank(turn: Round) -> tuple[float, float, float]:
        measured = turn.realisation.measurement
        memory = measured.memory
        cost = replace(
            turn.predicted,
            ms=measured.ms,
            flash_bytes=memory.flash_bytes,
            ram_bytes=memory.ram_bytes,
        )
        # Where only accuracy fails, no limit is exceeded, and accuracy decides.
        wanted = budget.with_energy_as_time(_mj_per_ms(measured))
        excess = max(exceeded(wanted, cost), 0.0)
        return excess, turn.allocation.divergence, measured.ms

    return min(rounds, key=rank)


def _mj_per_ms(measurement: Measurement) -> float | None:
    energy = measurement.energy
    return None if energy is None or not measurement.ms else energy.mj / measurement.ms


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
