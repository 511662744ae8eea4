"""Cycle models against sequences whose cycles the reference manual itself gives."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from sqtvm.errors import BoardError
from sqtvm.firmware.boards import board_names, load_board
from sqtvm.measure import cycles
from sqtvm.measure.calibrated import model_for_board
from sqtvm.measure.counting import InstructionCount, LineFills
from sqtvm.measure.cycles import CycleEstimate
from sqtvm.measure.disassembly import Instruction
from sqtvm.measure.instruction_class import decode


def estimate(core: str, code: Sequence[str], jumped: Sequence[int] = ()) -> CycleEstimate:
    """Cycles of straight-line code that runs once; jumped: positions that jump away."""
    instructions, counts = {}, []
    for position, line in enumerate(code):
        mnemonic, _, operands = line.partition(" ")
        instructions[4 * position] = Instruction(mnemonic, operands)
        counts.append(InstructionCount(0, 4 * position, bytes(4), 1, int(position in jumped)))
    return cycles.estimate(cycles.model_for(core), counts, instructions)


def likely(core: str, *code: str) -> float:
    return estimate(core, code).likely


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        # The examples of the manual's section on load and store timing.
        (("ldr r0, [r1]", "ldr r1, [r2]"), 3),
        (("ldr r0, [r1, r2]", "str r0, [r3, #20]"), 3),
        (("ldr r0, [r1, r2]", "str r1, [r3, r2]"), 3),
        (("ldr r0, [r1, r5]", "ldr r1, [r2]", "ldr r2, [r3, #4]"), 4),
        (("str r0, [r1, #4]",), 1),
        (("str r0, [r1, r2]", "ldr r0, [r1]"), 4),
        (("ldrd r0, r1, [r2]",), 3),
        # The address of the second comes from the first.
        (("ldr r0, [r1]", "ldr r2, [r0]"), 4),
        (("add r0, r0, #4", "ldr r2, [r0]"), 4),
        (("add r0, r0, #4", "ldr r2, [r1]"), 3),
        (("cmp r0, #4", "ldr r2, [r0]"), 3),
        # The table.
        (("ldmia.w r0!, {r1, r2, r3, r4}",), 5),
        (("push {r4-r7, lr}",), 6),
        (("smlad r0, r1, r2, r0", "smlad r3, r1, r2, r3"), 2),
        (("mla r0, r1, r2, r0",), 1),
        (("sxtb16 r0, r1, ror #8", "pkhbt r0, r1, r2, lsl #16"), 2),
        (("vmla.f32 s0, s1, s2",), 3),
        (("vdiv.f32 s0, s1, s2",), 14),
        (("vldr d0, [r0]",), 3),
        (("vpush {d8-d9}",), 5),
    ],
)
def test_the_manuals_sequences_on_the_m4(code: tuple[str, ...], expected: float) -> None:
    assert likely("cortex-m4", *code) == expected


def test_a_jump_adds_the_refill_and_its_range() -> None:
    assert estimate("cortex-m4", ["bne 10 <loop>"]) == CycleEstimate(1, 1, 1)
    assert estimate("cortex-m4", ["bne 10 <loop>"], jumped=[0]) == CycleEstimate(2, 3, 4)
    assert estimate("cortex-m4", ["pop {r4, pc}"], jumped=[0]) == CycleEstimate(4, 5, 6)
    assert estimate("cortex-m4", ["udiv r0, r1, r2"]) == CycleEstimate(2, 7, 12)


def test_a_loop_counts_its_fall_throughs_only() -> None:
    """The load at the loop's head follows the load before it once, and the branch otherwise."""
    code = ["ldr r0, [r1]", "ldr r2, [r3]", "bne 4 <head>"]
    instructions = {}
    for position, line in enumerate(code):
        mnemonic, _, operands = line.partition(" ")
        instructions[4 * position] = Instruction(mnemonic, operands)
    counts = [
        InstructionCount(0, 0, bytes(4), 1, 0),
        InstructionCount(0, 4, bytes(4), 10, 0),
        InstructionCount(0, 8, bytes(4), 10, 9),
    ]
    model = cycles.model_for("cortex-m4")
    assert cycles.estimate(model, counts, instructions).likely == 2 + (1 + 9 * 2) + (10 + 9 * 2)


def test_the_m3_is_slower_where_its_manual_says_so() -> None:
    assert likely("cortex-m3", "mla r0, r1, r2, r0") == 2
    assert estimate("cortex-m3", ["smull r0, r1, r2, r3"]) == CycleEstimate(3, 4, 5)
    assert estimate("cortex-m3", ["umlal r0, r1, r2, r3"]) == CycleEstimate(4, 5.5, 7)


def test_flash_wait_states_are_paid_for_each_line() -> None:
    model = cycles.model_for("cortex-m7")
    assert model.memory is not None
    seven, none = (
        cycles.estimate(model, (), {}, LineFills(code=3, flash=100, ram=0), wait_states)
        for wait_states in (7, 0)
    )
    assert seven.likely - none.likely == 7 * 103 * model.memory.accesses
    assert seven.low < seven.likely < seven.high
    ram = cycles.estimate(model, (), {}, LineFills(ram=10), 7)
    assert ram.likely == 10 * model.memory.ram_fill.likely


def test_the_m0plus_adds_up_its_table() -> None:
    assert likely("cortex-m0plus", "ldr r0, [r1]", "muls r0, r1", "str r0, [r1]") == 5
    assert estimate("cortex-m0plus", ["bne 10 <loop>"], jumped=[0]).likely == 2
    assert estimate("cortex-m0plus", ["bne 10 <loop>"]).likely == 1
    assert estimate("cortex-m0plus", ["bx lr"], jumped=[0]).likely == 2
    assert estimate("cortex-m0plus", ["bl 10 <other>"], jumped=[0]).likely == 3
    assert likely("cortex-m0plus", "push {r4, r5, lr}") == 4
    assert likely("cortex-m0plus", "pop {r4, r5}") == 3
    assert estimate("cortex-m0plus", ["pop {r4, r5, pc}"], jumped=[0]).likely == 6
    assert likely("cortex-m0plus", "mrs r0, PRIMASK", "dmb sy") == 6


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("vldrb.u8 q0, [r0], #16", "vector_load"),
        ("vld20.8 {q0, q1}, [r2]", "vector_load"),
        ("vstrbt.8 q0, [r0, #0]", "vector_store"),
        ("vmlava.s8 r2, q0, q1", "vector_multiply"),
        ("vmlalva.s32 r2, r3, q0, q1", "vector_multiply"),
        ("vqrdmulh.s32 q0, q1, q2", "vector_multiply"),
        ("vmul.i32 q3, q4, q5", "vector_multiply"),
        ("vmax.s8 q0, q1, q2", "vector_alu"),
        ("vmov.32 q0[0], r1", "vector_alu"),
        ("vdup.8 q0, r1", "vector_alu"),
        ("vctp.8 r1", "vector_predicate"),
        ("vpst", "vector_predicate"),
        ("vmul.f32 s0, s1, s2", "float_alu"),
        ("vldr s0, [r0]", "float_load"),
        ("le lr, 50", "loop_end"),
        ("dls lr, r3", "loop_begin"),
    ],
)
def test_classes_of_helium(text: str, kind: str) -> None:
    mnemonic, _, operands = text.partition(" ")
    assert decode(Instruction(mnemonic, operands)).kind == kind


@pytest.mark.parametrize(
    ("mnemonic", "kind"),
    [
        ("bl", "branch"),
        ("bic", "alu"),
        ("bics", "alu"),
        ("bfi", "alu"),
        ("bkpt", "alu"),
        ("blt", "branch"),
        ("blx", "branch"),
        ("cbnz", "branch"),
        ("b", "branch"),
        ("smulbb", "multiply"),
        ("smlalbb", "multiply_accumulate"),
        ("smlal", "multiply_long_accumulate"),
        ("smlald", "multiply_accumulate"),
        ("smmulr", "multiply"),
        ("mls", "multiply_accumulate"),
        ("muls", "multiply"),
        ("ite", "if_then"),
        ("ldrsb", "load"),
        ("lbu", "load"),
        ("lw", "load"),
        ("sw", "store"),
        ("bgeu", "branch"),
        ("bnez", "branch"),
        ("jalr", "branch"),
        ("ret", "branch"),
        ("slli", "alu"),
        ("sub", "alu"),
        ("lsls", "alu"),
        ("ldrd", "load_pair"),
        ("stmia", "store_multiple"),
        ("vmov", "float_alu"),
        ("vfma.f32", "float_multiply_accumulate"),
        ("vmul.f32", "float_alu"),
        ("udivne", "divide"),
        ("tbb", "table_branch_byte"),
        ("ssat", "alu"),
    ],
)
def test_classes(mnemonic: str, kind: str) -> None:
    assert decode(Instruction(mnemonic, "")).kind == kind


def test_every_model_is_complete_and_says_where_it_is_from() -> None:
    assert {core for model in cycles.models() for core in model.cores} >= {
        "cortex-m0plus",
        "cortex-m3",
        "cortex-m33",
        "cortex-m4",
        "cortex-m7",
    }
    for model in cycles.models():
        assert model.source
        assert model.error
        assert model.check
        classes = model.classes if model.dual_issue is None else model.dual_issue.classes
        assert all(rules.source for rules in classes.values())


def test_an_unknown_core_is_an_error_that_lists_the_known() -> None:
    with pytest.raises(BoardError, match="no cycle model for z80") as caught:
        cycles.model_for("z80")
    assert "cortex-m4" in caught.value.hint


def test_a_wrong_model_is_an_error_that_names_the_field() -> None:
    text = 'name = "x"\nversion = "one"\ncores = []\nsource = "s"\nerror = "e"\n'
    with pytest.raises(BoardError, match=r"mine\.toml is wrong at version"):
        cycles.parse(text, "mine.toml")


@pytest.mark.parametrize("name", board_names())
def test_every_board_has_a_model(name: str) -> None:
    model = model_for_board(load_board(name))
    assert load_board(name).core in model.cores
    assert model.rate.low <= model.rate.likely <= model.rate.high
