"""Plans of the workspace: nothing that is still needed is overwritten, and room is shared."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sqtvm.compile.layouts.overlap import Step, convolution_lead, lead_bytes, pooling_lead
from sqtvm.compile.memory_plan import Lead, PlannedTensor, alive_bytes, plan_memory


def both_ways(pairs: set[tuple[str, str]], names: list[str]) -> dict[str, frozenset[str]]:
    return {
        name: frozenset(
            [b for a, b in pairs if a == name and b != name]
            + [a for a, b in pairs if b == name and a != name]
        )
        for name in names
    }


@st.composite
def problems(draw):  # type: ignore[no-untyped-def]
    names = [f"t{i}" for i in range(draw(st.integers(1, 7)))]
    sizes = {name: draw(st.integers(1, 500)) for name in names}
    pair = st.tuples(st.sampled_from(names), st.sampled_from(names))
    pairs = draw(st.sets(pair, max_size=12))
    conflicts = both_ways(pairs, names)
    leads = [
        Lead(a, b, draw(st.integers(-sizes[b], 300)), draw(st.booleans()))
        for a, b in sorted(pairs)
        if a != b and draw(st.booleans())
    ]
    return sizes, conflicts, leads


@settings(deadline=None)
@given(problems())
def test_a_plan_keeps_tensors_apart(problem) -> None:  # type: ignore[no-untyped-def]
    sizes, conflicts, leads = problem
    plan = plan_memory(sizes, conflicts, leads, 8)
    allowed = {(lead.output, lead.source): lead for lead in leads}
    for name, offset in plan.offsets.items():
        assert offset >= 0
        assert offset % 8 == 0
        assert offset + sizes[name] <= plan.size
        for other in conflicts[name]:
            apart = (
                offset + sizes[name] <= plan.offsets[other]
                or plan.offsets[other] + sizes[other] <= offset
            )
            over = any(
                pair in allowed
                and allowed[pair].allows(plan.offsets[pair[0]], plan.offsets[pair[1]])
                for pair in ((name, other), (other, name))
            )
            assert apart or over, (name, other)
    assert plan == plan_memory(sizes, conflicts, leads, 8)


def test_an_addition_is_in_place() -> None:
    sizes = {"a": 100, "b": 100, "sum": 100}
    conflicts = both_ways({("a", "b"), ("a", "sum"), ("b", "sum")}, list(sizes))
    leads = [Lead("sum", "a", 0), Lead("sum", "b", 0)]
    assert plan_memory(sizes, conflicts, [], 4).size == 300
    assert plan_memory(sizes, conflicts, leads, 4).size == 200


def test_a_chain_of_convolutions_takes_its_largest_tensor_and_leads() -> None:
    sizes = {"a": 1000, "b": 2000, "c": 1000}
    conflicts = both_ways({("a", "b"), ("b", "c")}, list(sizes))
    leads = [Lead("b", "a", 1040), Lead("c", "b", 40)]
    assert plan_memory(sizes, conflicts, leads, 8).size == 40 + 1040 + 1000


def test_an_exact_lead_is_kept() -> None:
    lead = Lead("y", "x", 8, exact=True)
    assert lead.allows(0, 8)
    assert not lead.allows(0, 16)
    sizes = {"x": 100, "y": 60}
    plan = plan_memory(sizes, both_ways({("x", "y")}, list(sizes)), [lead], 8)
    assert plan.offsets == {"y": 0, "x": 8}


@given(
    st.lists(st.tuples(st.integers(0, 59), st.integers(0, 8)), min_size=1, max_size=12),
    st.integers(60, 80),
)
def test_a_lead_is_the_least_that_no_step_notices(
    steps: list[tuple[int, int]], input_bytes: int
) -> None:
    written = 0
    listed = []
    for reads_from, writes in steps:
        written += writes
        listed.append(Step(reads_from, written))

    def safe(lead: int) -> bool:
        return all(
            step.written - lead <= later.reads_from
            for number, step in enumerate(listed)
            for later in listed[number + 1 :]
        )

    lead = lead_bytes(listed, input_bytes)
    assert safe(lead)
    assert lead == -input_bytes or not safe(lead - 1)


def test_leads_of_kernels() -> None:
    # Pointwise with fewer channels out than in: never ahead of what is read but by a tile.
    for tile in (2, 3):
        wide, narrow = (6, 6, 64), (6, 6, 32)
        assert convolution_lead(wide, narrow, top=0, stride=1, pointwise=True, tile=tile) <= 0
    # With more: at the end of the input the output is twice as long.
    lead = convolution_lead((4, 3, 8), (4, 3, 16), top=0, stride=1, pointwise=True, tile=3)
    assert lead == 9 * 16 - 9 * 8
    lead = convolution_lead((4, 3, 8), (4, 3, 16), top=0, stride=1, pointwise=True, tile=2)
    assert lead == 10 * 16 - 10 * 8
    # 3x3: two rows behind.
    lead = convolution_lead((8, 8, 4), (8, 8, 4), top=1, stride=1, pointwise=False, tile=3)
    assert 8 * 4 < lead <= 2 * 8 * 4 + 3 * 4
    # Four values to one: the window's other channels are still read after the first is written.
    assert pooling_lead((4, 4, 2), (2, 2, 2), top=0, stride=2) == 3


_TENSORS = st.lists(
    st.builds(
        lambda offset, size, first, life: PlannedTensor(
            first, False, offset, size, first, first + life
        ),
        st.integers(0, 40),
        st.integers(1, 20),
        st.integers(0, 3),
        st.integers(0, 3),
    ),
    max_size=6,
)


@given(_TENSORS)
def test_every_byte_counts_once(tensors: list[PlannedTensor]) -> None:
    for layer in range(7):
        alive = [t for t in tensors if t.first <= layer <= t.last]
        bytes_ = {byte for t in alive for byte in range(t.offset, t.offset + t.size)}
        touched = any(layer in (t.first, t.last) for t in tensors)
        assert alive_bytes(tensors, layer) == (len(bytes_) if touched else None)
