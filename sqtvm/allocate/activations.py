"""Which activations get 4 bits where RAM binds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Narrowed:
    """chosen: the tensors at 4 bits; workspace_bytes: with them; damage: of each tensor alone at
    4 bits, nats of divergence, of those that were looked at."""

    chosen: tuple[str, ...]
    workspace_bytes: int
    damage: Mapping[str, float]


def narrow(
    candidates: Sequence[str],
    limit_bytes: int,
    workspace: Callable[[frozenset[str]], int],
    damage: Callable[[str], float],
) -> Narrowed:
    """Tensors at 4 bits with which the workspace is at most ``limit_bytes``, with little damage.

    candidates: tensors that may have 4 bits; workspace: bytes with a set of tensors at 4 bits;
    damage: nats of divergence that one tensor alone brings, asked for once a tensor at most. None
    is chosen where 8 bits everywhere hold. From the set with the smallest workspace that is found,
    tensors are given their 8 bits back, the most damaging first, as long as the limit holds. Where
    not even the smallest holds it, that is the limit: the nearest there is.
    """
    at_full = workspace(frozenset())
    if at_full <= limit_bytes:
        return Narrowed((), at_full, {})
    chosen, smallest = _smallest(candidates, workspace)
    limit_bytes = max(limit_bytes, smallest)
    by_damage = {name: damage(name) for name in candidates if name in chosen}
    for name in sorted(by_damage, key=lambda name: -by_damage[name]):
        if workspace(chosen - {name}) <= limit_bytes:
            chosen -= {name}
    kept = tuple(name for name in candidates if name in chosen)
    return Narrowed(kept, workspace(chosen), by_damage)


def _smallest(
    candidates: Sequence[str], workspace: Callable[[frozenset[str]], int]
) -> tuple[frozenset[str], int]:
    """Not always all of them: unpacked rows need room of their own."""
    chosen = frozenset(candidates)
    size = workspace(chosen)
    improved = True
    while improved:
        improved = False
        for name in candidates:
            trial = chosen ^ {name}
            trial_size = workspace(trial)
            if trial_size < size:
                chosen, size, improved = trial, trial_size, True
    return chosen, size
