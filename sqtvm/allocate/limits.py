"""A budget held against a predicted cost."""

from __future__ import annotations

from collections.abc import Mapping

from sqtvm.allocate.budget import BITS, Budget, Cost, CostModel


def shares(budget: Budget, cost: Cost) -> Mapping[str, float]:
    """By how much each limit is broken, as a share of it, by the limit's name; 0 or less holds."""
    pairs = {
        "ms": (budget.ms, cost.ms),
        "flash_bytes": (budget.flash_bytes, cost.flash_bytes),
        "ram_bytes": (budget.ram_bytes, cost.ram_bytes),
    }
    return {
        name: (reached - limit) / limit
        for name, (limit, reached) in pairs.items()
        if limit is not None
    }


def exceeded(budget: Budget, cost: Cost) -> float:
    """By how much the worst limit is broken, as a share of it; 0 or less where all hold."""
    return max(shares(budget, cost).values(), default=-1.0)


def holds(budget: Budget, cost: Cost) -> bool:
    """Whether time, flash and RAM are within the budget."""
    return exceeded(budget, cost) <= 0


def binding(
    budget: Budget, cost: Cost, costs: CostModel, layers: Mapping[str, int]
) -> tuple[str, ...]:
    """Each limit that ``cost`` breaks, in words, with the least that could be had."""
    least = costs.cost(dict.fromkeys(layers, min(BITS)))
    fastest = sum(min(costs.layer_ms(name, bits) for bits in BITS) for name in layers)
    chosen = sum(costs.layer_ms(name, bits) for name, bits in layers.items())
    words = []
    if budget.ms is not None and cost.ms > budget.ms:
        slowest = sorted(layers, key=lambda name: -costs.layer_ms(name, layers[name]))[:3]
        least_ms = cost.ms - chosen + fastest
        says = f"{least_ms:.2f} ms is the least at any bits"
        if least_ms <= budget.ms:
            says = f"{cost.ms:.2f} ms is reached, since other limits bind too: alone it can hold"
        words.append(
            f"time: at most {budget.ms:g} ms wanted, {says}; "
            f"the slowest layers are {', '.join(slowest)}"
        )
    if budget.flash_bytes is not None and cost.flash_bytes > budget.flash_bytes:
        says = (
            f"{least.flash_bytes:,} B is the least "
            f"({least.weight_bytes:,} B of it weights at 2 bits everywhere)"
        )
        if least.flash_bytes <= budget.flash_bytes:
            says = (
                f"{cost.flash_bytes:,} B is reached, since other limits bind too: alone it can hold"
            )
        words.append(f"flash: at most {budget.flash_bytes:,} B wanted, {says}")
    if budget.ram_bytes is not None and cost.ram_bytes > budget.ram_bytes:
        words.append(
            f"RAM: at most {budget.ram_bytes:,} B wanted, {least.ram_bytes:,} B is the least"
        )
    return tuple(words)
