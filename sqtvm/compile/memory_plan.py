"""Where the tensors of an inference lie in one block of memory.

A tensor may lie over the input that its layer is the last to read, as far as that layer writes
behind what it still has to read: in place for an addition, a row or two apart for a convolution.
(The idea is that of diagonal memory optimisation: Blacker, Bragg, Kuper, "Diagonal Memory
Optimisation for Machine Learning on Micro-controllers", 2020.)
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_RESTARTS = 25
_MOVES = 40


@dataclass(frozen=True)
class Lead:
    """``output`` may lie over ``source`` if it begins at least ``size`` bytes before it, or, where
    ``exact``, that many."""

    output: str
    source: str
    size: int
    exact: bool = False

    def allows(self, output_offset: int, source_offset: int) -> bool:
        distance = source_offset - output_offset
        return distance == self.size if self.exact else distance >= self.size


@dataclass(frozen=True)
class MemoryPlan:
    """offsets: bytes from the beginning of the block, by name; size: of the block."""

    offsets: Mapping[str, int]
    size: int


@dataclass(frozen=True)
class PlannedTensor:
    """A tensor's place in the workspace, bytes, and the numbers of the first and the last layer
    that need it there; layer: whose output or scratch it is, None for the network's input."""

    layer: int | None
    scratch: bool
    offset: int
    size: int
    first: int
    last: int


def alive_bytes(tensors: Sequence[PlannedTensor], layer: int) -> int | None:
    """Bytes of the workspace in which something lies while layer number ``layer`` runs, each once;
    None for a layer that is no call of a kernel."""
    if not any(tensor.first == layer or tensor.last == layer for tensor in tensors):
        return None
    spans = sorted(
        (tensor.offset, tensor.offset + tensor.size)
        for tensor in tensors
        if tensor.first <= layer <= tensor.last
    )
    total = end = 0
    for begin, stop in spans:
        total += max(stop - max(begin, end), 0)
        end = max(end, stop)
    return total


def plan_memory(
    sizes: Mapping[str, int],
    conflicts: Mapping[str, frozenset[str]],
    leads: Sequence[Lead],
    alignment: int,
) -> MemoryPlan:
    """The smallest block that was found, the same for the same arguments.

    sizes: bytes of each tensor; conflicts: the tensors that live at the same time as each, both
    ways; leads: of conflicting tensors; alignment: of every offset, a power of two. Never larger
    than by placing the tensors by falling size.
    """
    problem = _Problem(sizes, conflicts, leads, alignment)
    by_size = sorted(sizes, key=lambda name: (-sizes[name], name))
    best = problem.place(by_size)
    lower = problem.lower_bound()
    chance = random.Random(0)
    for restart in range(_RESTARTS):
        order = list(by_size)
        if restart:
            chance.shuffle(order)
        current = problem.place(order)
        for _ in range(_MOVES):
            if best.size <= lower:
                return best
            tried = _moved(order, chance)
            plan = problem.place(tried)
            if plan.size <= current.size:
                order, current = tried, plan
            if plan.size < best.size:
                best = plan
    return best


def _moved(order: Sequence[str], chance: random.Random) -> list[str]:
    moved = list(order)
    moved.insert(chance.randrange(len(moved)), moved.pop(chance.randrange(len(moved))))
    return moved


class _Problem:
    def __init__(
        self,
        sizes: Mapping[str, int],
        conflicts: Mapping[str, frozenset[str]],
        leads: Sequence[Lead],
        alignment: int,
    ) -> None:
        self._sizes = sizes
        self._conflicts = conflicts
        self._leads = {(lead.output, lead.source): lead for lead in leads}
        self._alignment = alignment

    def lower_bound(self) -> int:
        """The block holds every tensor, and side by side those that may not overlap."""
        pairs = [
            self._up(min(self._sizes[name], self._sizes[other]))
            + max(self._sizes[name], self._sizes[other])
            for name, others in self._conflicts.items()
            for other in others
            if (name, other) not in self._leads and (other, name) not in self._leads
        ]
        return self._up(max([*self._sizes.values(), *pairs], default=0))

    def place(self, order: Sequence[str]) -> MemoryPlan:
        """Each tensor in turn at the lowest place that the ones before it leave."""
        offsets: dict[str, int] = {}
        for name in order:
            placed = [(other, offsets[other]) for other in self._conflicts[name] & offsets.keys()]
            places = {0, *(place for one in placed for place in self._places(name, *one))}
            offsets[name] = min(
                place
                for place in places
                if all(self._fits(name, place, other, offset) for other, offset in placed)
            )
        size = max((offsets[name] + self._sizes[name] for name in offsets), default=0)
        return MemoryPlan(offsets, self._up(size))

    def _places(self, name: str, other: str, offset: int) -> list[int]:
        """Where ``name`` can begin because of ``other``: after it, or over it."""
        places = [self._up(offset + self._sizes[other])]
        before = self._leads.get((name, other))
        if before is not None:
            places.append((offset - before.size) // self._alignment * self._alignment)
        after = self._leads.get((other, name))
        if after is not None:
            places.append(self._up(offset + after.size))
        return [place for place in places if place >= 0]

    def _fits(self, name: str, place: int, other: str, offset: int) -> bool:
        if place + self._sizes[name] <= offset or offset + self._sizes[other] <= place:
            return True
        before = self._leads.get((name, other))
        after = self._leads.get((other, name))
        return (before is not None and before.allows(place, offset)) or (
            after is not None and after.allows(offset, place)
        )

    def _up(self, size: int) -> int:
        return -(-size // self._alignment) * self._alignment
