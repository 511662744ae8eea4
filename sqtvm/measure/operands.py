"""Which registers an Arm M-profile instruction reads and writes, and when in the pipeline.

From the disassembler's text. What a dual-issue core may do in one cycle depends on it: an address
or a shifted operand is needed a stage earlier than a plain operand, an accumulator a stage later,
and the data of a store last of all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from sqtvm.measure.disassembly import Instruction
from sqtvm.measure.instruction_class import decode, register_list

_REGISTER = re.compile(r"\b(r\d+|s[lbp]|fp|ip|lr|pc|[sdq]\d+)\b")
_SHIFT = re.compile(r"\b(lsl|lsr|asr|ror|rrx)\b")
_COMPARISONS = re.compile(r"cmp|cmn|tst|teq|vcmp")
_ONE_SOURCE = re.compile(r"mov(?!t)|mvn|[su]xt[bh](?!a)|[su]xtb16|rev|rbit|clz|adr|[su]bfx")
_KEEPS_RESULT = re.compile(r"movt|bfi|bfc")
_EARLY = re.compile(r"(add|sub|mov)(?!t)")
_EXTENSION = re.compile(r"[su]xt[bh]$")
_FIELD = re.compile(
    r"[su]xt|[su]bfx|bf[ic]|pkh|rev|rbit|clz|[su]sat|sel|"
    r"(s|u|q|sh|uh|uq)(add|sub)(8|16)|q[d]?(add|sub)|[suq]h?[as][sa]x|usad"
)
_VECTOR_SUM = re.compile(r"v[cdfqr]*m(la|ls|a(?!x))|vs[lr]i|vaddl?va")
_PLAIN_SHIFT = re.compile(r"(lsl|lsr|asr|ror|rrx)")
_OFFSET = re.compile(r"\[\w+(?:, #(-?\d+))?\]$")


@dataclass(frozen=True)
class Operands:
    """Registers by the stage that they are needed in, and those that are written.

    address: for a load, a store or a jump through a register; early: shifted operands and what
    bit-field instructions take apart; late: all other operands; accumulators: of a multiply
    accumulate; stored: the data of a store; results: written, but for updated: an address
    register that the access itself moved on.
    """

    address: frozenset[str] = frozenset()
    early: frozenset[str] = frozenset()
    late: frozenset[str] = frozenset()
    accumulators: frozenset[str] = frozenset()
    stored: frozenset[str] = frozenset()
    results: frozenset[str] = frozenset()
    updated: frozenset[str] = frozenset()


@cache
def operands(instruction: Instruction) -> Operands:
    """Never fails: a register in an unknown place counts as a late operand."""
    kind = decode(instruction).kind
    if kind.endswith(("load", "store", "_pair", "_multiple")):
        return _transfer(instruction, kind)
    names = _REGISTER.findall(instruction.operands)
    if kind.startswith("vector"):
        return _vector(instruction.mnemonic, names)
    if kind.startswith("multiply"):
        return _multiplication(instruction.mnemonic, kind, names)
    if kind.startswith(("branch", "table_branch")):
        links = instruction.mnemonic.startswith("bl") and not instruction.mnemonic.startswith("ble")
        return Operands(
            address=frozenset(names), results=frozenset({"lr"}) if links else frozenset()
        )
    return _data_processing(instruction, names)


@cache
def pipeline_class(instruction: Instruction) -> str:
    """The class that a dual-issue model knows: that of ``decode``, and what it calls ``alu`` told
    apart by what it needs of the core: ``alu_early`` may run a stage before the others,
    ``alu_shifted`` and ``shift`` need the one shifter, ``field`` is bit-field and SIMD. What some
    core treats otherwise has a word more: ``multiply_flags``, ``field_extend`` and
    ``alu_early_simple``, a move or the addition of a constant."""
    kind = decode(instruction).kind
    if kind == "load" and re.match(r"ldr(s?[bh])", instruction.mnemonic):
        return "load_narrow"
    if instruction.mnemonic == "muls":
        return "multiply_flags"
    if kind != "alu":
        return kind
    if _EXTENSION.match(instruction.mnemonic) and instruction.operands.count(",") == 1:
        return "field_extend"
    if _FIELD.match(instruction.mnemonic):
        return "field"
    if _PLAIN_SHIFT.match(instruction.mnemonic):
        return "shift"
    if _SHIFT.search(instruction.operands):
        return "alu_shifted"
    if not _EARLY.match(instruction.mnemonic):
        return "alu"
    simple = instruction.mnemonic.startswith("mov") or "#" in instruction.operands
    return "alu_early_simple" if simple else "alu_early"


@cache
def place(instruction: Instruction) -> tuple[str, int] | None:
    """Base register and offset of an access whose address is both; None for all others."""
    bracket = re.search(r"\[([^\]]*)\]", instruction.operands)
    found = _OFFSET.search(instruction.operands)
    if bracket is None or found is None:
        return None
    return _REGISTER.findall(bracket.group(1))[0], int(found.group(1) or 0)


def _transfer(instruction: Instruction, kind: str) -> Operands:
    text = instruction.operands
    if "multiple" in kind:
        base = _REGISTER.findall(text.partition("{")[0])[:1] or ["sp"]
        data = frozenset(register_list(text))
        moved = "!" in text or not instruction.mnemonic.startswith(("ldm", "stm"))
    else:
        before, bracket, rest = text.partition("[")
        data = frozenset(_REGISTER.findall(before))
        base = _REGISTER.findall(bracket + rest)
        moved = "!" in text or re.search(r"\],", text) is not None
    updated = frozenset(base[:1]) if moved else frozenset()
    if "load" in kind:
        return Operands(address=frozenset(base), results=data, updated=updated)
    return Operands(address=frozenset(base), stored=data, updated=updated)


def _multiplication(mnemonic: str, kind: str, names: list[str]) -> Operands:
    if "long" in kind or mnemonic.startswith(("smlal", "smlsl")):
        results = frozenset(names[:2])
        taken = results if "accumulate" in kind else frozenset[str]()
        return Operands(late=frozenset(names[2:]), accumulators=taken, results=results)
    if "accumulate" in kind and len(names) == 4:
        return Operands(
            late=frozenset(names[1:3]),
            accumulators=frozenset(names[3:]),
            results=frozenset(names[:1]),
        )
    sources = names[1:] if len(names) > 2 else names
    return Operands(late=frozenset(sources), results=frozenset(names[:1]))


def _vector(mnemonic: str, names: list[str]) -> Operands:
    """Of Helium, but for loads and stores."""
    across = re.match(r"vr?ml[as]l|vaddlv", mnemonic) is not None
    results = frozenset(names[: 2 if across else 1])
    sums = _VECTOR_SUM.match(mnemonic) is not None
    sources = frozenset(names[2 if across else 1 :])
    return Operands(late=sources, accumulators=results if sums else frozenset(), results=results)


def _data_processing(instruction: Instruction, names: list[str]) -> Operands:
    mnemonic = instruction.mnemonic
    if _COMPARISONS.match(mnemonic) or not names:
        return Operands(late=frozenset(names))
    two_places = len(instruction.operands.split(",")) == 2 and not _ONE_SOURCE.match(mnemonic)
    keeps = two_places or _KEEPS_RESULT.match(mnemonic)
    sources = names if keeps else names[1:]
    early: frozenset[str] = frozenset()
    if _SHIFT.search(instruction.operands) or re.match(r"[su]xta|pkh|bfi", mnemonic):
        early = frozenset(sources[-1:])
    elif re.match(r"[su]bfx|rev|rbit", mnemonic):
        early = frozenset(sources)
    return Operands(early=early, late=frozenset(sources) - early, results=frozenset(names[:1]))
