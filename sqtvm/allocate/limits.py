"""A budget held against a predicted cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqtvm.allocate.budget import BITS, Budget, Cost, CostModel


def shares(budget: Budget, cost: Cost) -> Mapping[str, float]:
    """By how much each limit is broken, as a share of it, by the limit's name; 0 or less holds."""
    pairs = {
        "ms": (budget.ms, cost.ms),
        "flash_bytes": (budget.flash_bytes, cost.flash_bytes),
        "ram_bytes": (budget.ram_bytes, cost.ram_bytes),
        "bops": (budget.bops, cost.bops),
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
    """Whether time, flash, RAM and bit operations are within the budget."""
    return exceeded(budget, cost) <= 0


def binding(
    budget: Budget, cost: Cost, costs: CostModel, layers: Mapping[str, int]
) -> tuple[str, ...]:
    """Each limit that ``cost`` breaks, in words: the least that could be had, and the layers that
    need most of it."""
    least = costs.cost(dict.fromkeys(layers, min(BITS)))
    words = []
    if budget.ms is not None and cost.ms > budget.ms:
        fastest = sum(min(costs.layer_ms(name, bits) for bits in BITS) for name in layers)
        chosen = sum(costs.layer_ms(name, bits) for name, bits in layers.items())
        least_ms = cost.ms - chosen + fastest
        says = f"{least_ms:.2f} ms is the least at any bits"
        if least_ms <= budget.ms:
            says = f"{cost.ms:.2f} ms is reached, since other limits bind too: alone it can hold"
        most = _most(layers, costs.layer_ms)
        words.append(
            f"time: at most {budget.ms:g} ms wanted, {says}; the slowest layers are {most}"
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
        most = _most(layers, costs.layer_bytes)
        words.append(
            f"flash: at most {budget.flash_bytes:,} B wanted, {says}; "
            f"the layers with most weights are {most}"
        )
    if budget.ram_bytes is not None and cost.ram_bytes > budget.ram_bytes:
        words.append(
            f"RAM: at most {budget.ram_bytes:,} B wanted, {least.ram_bytes:,} B is the least; "
            f"the largest outputs are of {', '.join(costs.largest_tensors)}"
        )
    if budget.bops is not None and cost.bops > budget.bops:
        says = f"{least.bops:,} is the least"
        if least.bops <= budget.bops:
            says = f"{cost.bops:,} is reached, since other limits bind too: alone it can hold"
        most = _most(layers, costs.layer_bops)
        words.append(
            f"bit operations: at most {budget.bops:,} wanted, {says}; "
            f"the layers with most are {most}"
        )
    return tuple(words)


def in_words(budget: Budget) -> str:
    """The limits of time, flash, RAM and bit operations that are set."""
    parts = []
    if budget.ms is not None:
        parts.append(f"{budget.ms:.4g} ms")
    if budget.flash_bytes is not None:
        parts.append(f"{budget.flash_bytes:,} B of flash")
    if budget.ram_bytes is not None:
        parts.append(f"{budget.ram_bytes:,} B of RAM")
    if budget.bops is not None:
        parts.append(f"{budget.bops:,} bit operations")
    return ", ".join(parts)


def _most(layers: Mapping[str, int], share: Callable[[str, int], float]) -> str:
    """The three layers with the largest share."""
    ordered = sorted(layers, key=lambda name: -share(name, layers[name]))
    return ", ".join(ordered[:3])
