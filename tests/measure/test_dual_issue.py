"""The rules of issue against sequences whose cycles their source gives."""

from __future__ import annotations

import pytest

from sqtvm.measure import cycles
from sqtvm.measure.counting import InstructionCount
from sqtvm.measure.disassembly import Instruction
from sqtvm.measure.dual_issue import Block, blocks

_TIMES = 8


def instruction(text: str) -> Instruction:
    mnemonic, _, operands = text.partition(" ")
    return Instruction(mnemonic, operands)


def each(core: str, *code: str, loads_pair: bool = True) -> float:
    """Cycles of the sequence where it follows itself for long."""
    rules = cycles.model_for(core).dual_issue
    assert rules is not None
    block = Block(tuple(instruction(text) for text in code), 1, loops=True)
    return cycles.cycles_of_block(rules, block, loads_pair)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        # Independent data processing: two at once.
        (("add r0, r1, r2", "add r3, r4, r5"), 1),
        # One multiplication a cycle, chained by its accumulator or not, beside something else.
        (("smlad r0, r1, r2, r0",), 1),
        (("smlad r0, r1, r2, r0", "smlad r3, r1, r2, r3"), 2),
        (("smlad r0, r1, r2, r0", "add r3, r3, #4"), 1),
        # Its result is a cycle late for anything but an accumulator.
        (("mul r0, r1, r2", "eor r1, r0, r3"), 3),
        # No store beside it, no two stores.
        (("smlad r0, r1, r2, r0", "str r3, [r4]"), 2),
        (("str r3, [r4]", "str r5, [r6]"), 2),
        (("str r3, [r4]", "ldr r5, [r6]"), 1),
        # Only the first of a pair may be of bit fields, and only one.
        (("sxtb16 r0, r1", "sxtb16 r2, r3"), 2),
        (("sxtb16 r0, r1", "add r2, r3, r4"), 1),
        # One shifted operand a cycle.
        (("add r0, r1, r2, lsl #4", "eor r3, r4, r5, ror #8"), 2),
        # Even and odd words in one cycle, the same bank in two.
        (("ldr r0, [r1]", "ldr r2, [r1, #4]"), 1),
        (("ldr r0, [r1]", "ldr r2, [r1, #8]"), 2),
        # A load is there for the next cycle's late operand, not for its address.
        (("ldr r0, [r0]",), 2),
        (("ldr r0, [r1]", "eor r2, r0, r2"), 1),
        (("ldrb r0, [r1]", "eor r2, r0, r2"), 2),
        # Half of the registers of a list, alone.
        (("ldmia r0!, {r1, r2, r3, r4}", "add r5, r5, #1"), 3),
        (("ldmia r0!, {r1, r2, r3}", "ldmia r7!, {r4, r5, r6}"), 4),
        (("ldrd r0, r1, [r2, #8]", "ldrd r4, r5, [r2]"), 2),
        # The inner loop of a tile: a multiplication waits for what the cycle before it loaded.
        (
            (
                "ldmia r0!, {r4, r5, r6, r7}",
                "ldrd r8, r9, [r1], #8",
                *("smlad r2, r4, r8, r2", "smlad r3, r5, r8, r3"),
                *("smlad r10, r6, r9, r10", "smlad r11, r7, r9, r11"),
            ),
            8,
        ),
    ],
)
def test_the_m7_issues_what_its_source_says(code: tuple[str, ...], expected: float) -> None:
    assert each("cortex-m7", *code) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (("add r0, r1, r2", "add r3, r4, r5"), 2),
        # A load is used two cycles later; an accumulator takes it after one.
        (("ldr r0, [r1]", "add r2, r0, r0"), 3),
        (("ldr r0, [r1]", "smlad r0, r2, r3, r0"), 2),
        (("smlad r0, r1, r2, r0",), 1),
        (("ldmia r0!, {r1, r2, r3, r4}",), 4),
        (("ldrd r0, r1, [r2]",), 2),
        (("ldr r0, [r1]", "str r0, [r2]"), 2),
        (("muls r0, r1",), 2),
        (("mul r0, r1, r2",), 1),
        (("mul r0, r1, r2", "add r3, r3, r4"), 2),
    ],
)
def test_the_m33_issues_what_its_source_says(code: tuple[str, ...], expected: float) -> None:
    assert each("cortex-m33", *code) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        # Beats of different pipelines overlap, those of one do not.
        (
            (
                "vldrw.u32 q0, [r0]",
                "vadd.i32 q1, q0, q2",
                "vmul.i32 q3, q1, q2",
                "vstrw.32 q3, [r1]",
            ),
            5,
        ),
        (
            ("vldrw.u32 q0, [r0]", "vldrb.u8 q4, [r2]", "vadd.i32 q1, q0, q2", "vstrw.32 q1, [r1]"),
            6,
        ),
        (("vmlava.s8 r2, q0, q1",), 2),
        (("vldrb.u8 q0, [r0], #16", "vmlava.s8 r2, q0, q1"), 2),
        # Two of 16 bits, one of them simple.
        (("ldr r0, [r1]", "adds r2, #1"), 1),
        (("adds r0, r1, r2", "eors r3, r4"), 2),
        (("uxtb r0, r1", "ldr r2, [r3]"), 1),
        (("ldr r0, [r1]", "add r2, r0, r0"), 3),
        (("subs r0, #1", "le lr, 0"), 1),
    ],
)
def test_the_m55_issues_what_its_source_says(code: tuple[str, ...], expected: float) -> None:
    assert each("cortex-m55", *code) == pytest.approx(expected)


def test_the_m55_pairs_narrow_instructions_only() -> None:
    rules = cycles.model_for("cortex-m55").dual_issue
    assert rules is not None
    wide = Block((Instruction("ldr", "r8, [r1]", 4), Instruction("adds", "r2, #1")), 1, loops=True)
    assert cycles.cycles_of_block(rules, wide, True) == 2


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        # The first pair takes its cycle, whatever operands it has.
        (("eor r0, r1, r2", "and r3, r4, r5"), 1),
        (("subs r0, r0, #1", "bne 0"), 1),
        (("str r0, [r1]", "eor r2, r3, r4", "eor r5, r6, r7", "eor r8, r9, r10"), 2),
        (("smlad r0, r1, r2, r0", "smlad r3, r1, r2, r3"), 1.5),
        # Half of a cycle that is not filled is the next block's.
        (("eor r0, r1, r2",), 0.5),
        (("mov r0, #1",), 0.5),
    ],
)
def test_a_block_that_runs_once_takes_whole_cycles(code: tuple[str, ...], expected: float) -> None:
    rules = cycles.model_for("cortex-m7").dual_issue
    assert rules is not None
    block = Block(tuple(instruction(text) for text in code), 1, loops=False)
    assert cycles.cycles_of_block(rules, block, True) == expected


def test_unknown_banks_are_a_range() -> None:
    code = ("ldr r0, [r1], #4", "ldr r2, [r3], #4")
    assert each("cortex-m7", *code, loads_pair=True) == 1
    assert each("cortex-m7", *code, loads_pair=False) == 2


def test_blocks_end_at_jumps_and_at_where_jumps_go() -> None:
    code = ["mov r0, #8", "ldr r1, [r2], #4", "subs r0, #1", "bne.n 2 <loop>", "bx lr"]
    executed = [1, 8, 8, 8, 1]
    instructions = {2 * place: instruction(text) for place, text in enumerate(code)}
    instructions[6] = Instruction("bne", "2")
    counts = [
        InstructionCount(0, 2 * place, bytes(2), times, 7 if place == 3 else 0)
        for place, times in enumerate(executed)
    ]
    found = blocks(counts, instructions)
    assert [(len(block.instructions), block.executed, block.loops) for block in found] == [
        (1, 1, False),
        (3, 8, True),
        (1, 1, False),
    ]


def test_a_mispredicted_exit_is_paid_for_once_a_loop() -> None:
    model = cycles.model_for("cortex-m7")
    assert model.dual_issue is not None
    instructions = {0: Instruction("subs", "r0, #1"), 2: Instruction("bne", "0")}
    straight, left = (
        cycles.estimate(
            model,
            [
                InstructionCount(0, 0, bytes(2), 100, 0),
                InstructionCount(0, 2, bytes(2), 100, jumped),
            ],
            instructions,
        )
        for jumped in (100, 99)
    )
    lost = model.dual_issue.mispredicted
    assert left.likely - straight.likely == pytest.approx(lost.likely * model.scale.likely)
    assert left.low < left.likely < left.high
