from __future__ import annotations

from collections.abc import Callable
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from sqtvm.allocate.activations import narrow

SIZES = st.lists(st.integers(2, 1000), min_size=1, max_size=7)


def chain(sizes: list[int], unpacked: int = 0) -> Callable[[frozenset[str]], int]:
    """A workspace in which every tensor lives beside the next one; a packed one takes half, and
    ``unpacked`` bytes beside it."""

    def workspace(chosen: frozenset[str]) -> int:
        stored = [
            size // 2 + unpacked if f"t{number}" in chosen else size
            for number, size in enumerate(sizes)
        ]
        return max(a + b for a, b in zip([*stored, 0], [0, *stored], strict=True))

    return workspace


def names(sizes: list[int]) -> list[str]:
    return [f"t{number}" for number in range(len(sizes))]


@given(SIZES, st.integers(0, 2000), st.randoms(use_true_random=False))
def test_the_limit_holds_with_no_tensor_too_many(
    sizes: list[int], limit: int, random: Random
) -> None:
    workspace = chain(sizes)
    damages = {name: random.random() for name in names(sizes)}
    found = narrow(names(sizes), limit, workspace, damages.__getitem__)
    least = workspace(frozenset(damages))
    if workspace(frozenset()) <= limit:
        assert found.chosen == ()
        return
    limit = max(limit, least)
    chosen = frozenset(found.chosen)
    assert found.workspace_bytes == workspace(chosen) <= limit
    assert all(workspace(chosen - {name}) > limit for name in chosen)


def test_the_most_damaging_keeps_its_bits() -> None:
    damages = {"t0": 0.5, "t1": 0.01, "t2": 0.02}
    found = narrow(list(damages), 160, chain([100, 100, 100]), damages.__getitem__)
    assert found.chosen == ("t1",)
    assert found.damage == damages


def test_nothing_is_asked_where_eight_bits_hold() -> None:
    def damage(name: str) -> float:
        raise AssertionError(name)

    assert narrow(["t0"], 100, chain([100]), damage).chosen == ()


def test_the_nearest_is_chosen_where_nothing_holds() -> None:
    found = narrow(["t0", "t1"], 50, chain([100, 100, 10]), lambda _: 0.0)
    assert found.chosen == ("t0", "t1")
    assert found.workspace_bytes == 100


def test_packing_that_costs_more_than_it_saves_is_left_out() -> None:
    found = narrow(["t0", "t1"], 90, chain([100, 20], unpacked=15), lambda _: 0.0)
    assert found.chosen == ("t0",)
