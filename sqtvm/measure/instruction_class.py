"""Classes of Arm M-profile and RISC-V instructions, and the registers that decide their timing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

from sqtvm.measure.disassembly import Instruction

Rules = TypeVar("Rules")

# First match wins; a mnemonic may carry a condition and an "s". What nothing here matches is
# "alu": every data-processing instruction of these cores takes the same time.
_VECTOR_RULES = (
    ("vector_load", r"vld"),
    ("vector_store", r"vst"),
    ("vector_predicate", r"vctp|vpst|vpnot"),
    ("vector_multiply", r"v[cdfqr]*m(la|ls|ul|a(?!x)|s)"),
    ("vector_alu", r"v"),
)
_RULES = (
    ("float_load_multiple", r"vldm|vpop"),
    ("float_store_multiple", r"vstm|vpush"),
    ("float_load", r"vldr"),
    ("float_store", r"vstr"),
    ("float_divide", r"vdiv"),
    ("float_square_root", r"vsqrt"),
    ("float_multiply_accumulate", r"vf?n?m(la|ls|a|s)(?!x)"),
    ("float_alu", r"v"),
    ("load_multiple", r"ldm|pop"),
    ("store_multiple", r"stm|push"),
    ("load_pair", r"ldrd"),
    ("store_pair", r"strd"),
    ("load", r"ldr|(c\.)?l[bhw]u?(sp)?$"),
    ("store", r"str|(c\.)?s[bhw](sp)?$"),
    ("table_branch_byte", r"tbb"),
    ("table_branch_half", r"tbh"),
    ("loop_end", r"le(tp)?$"),
    ("loop_begin", r"[dw]ls(tp)?$"),
    ("branch", r"b(ltu|geu|gtu|leu|eqz|nez|lez|gez|ltz|gtz)$|(c\.)?j(al)?r?$|ret$"),
    ("branch", r"cbn?z|blx?(?!i[ct])|bx|b(eq|ne|cs|cc|hs|lo|mi|pl|vs|vc|hi|ls|ge|lt|gt|le|al)?$"),
    ("divide", r"[su]div"),
    ("multiply_long_accumulate", r"[su]mlal(?!d|[bt])|umaal"),
    ("multiply_long", r"[su]mull"),
    ("multiply_accumulate", r"ml[as]|smla|smls|smmla|smmls"),
    ("multiply", r"mul|smul|smuad|smusd|smmul"),
    ("barrier", r"dmb|dsb|isb"),
    ("status_register", r"mrs|msr|cps"),
    ("if_then", r"it[te]*$"),
    ("no_operation", r"nop|yield|sev|wf[ei]|hint"),
)
_REGISTER = re.compile(r"\b(r\d+|s[lbp]|fp|ip|lr|pc|[sd]\d+)\b")
_RANGE = re.compile(r"\b([rsd])(\d+)-\1(\d+)\b")
_CONDITIONAL = re.compile(r"cbn?z|b(eq|ne|cs|cc|hs|lo|mi|pl|vs|vc|hi|ls|ge|lt|gt|le)$")
_NO_RESULT = ("cmp", "cmn", "tst", "teq", "it", "nop", "b", "cb")


CLASSES = ("load", "store", "mac", "alu", "branch")


def class_of(kind: str) -> str:
    """Which of CLASSES a kind of ``decode`` belongs to, as reports tell them apart."""
    if kind.startswith(("load", "float_load", "vector_load")):
        return "load"
    if kind.startswith(("store", "float_store", "vector_store")):
        return "store"
    if kind.startswith(("multiply", "float_multiply", "vector_multiply")):
        return "mac"
    return "branch" if kind.startswith(("branch", "table_branch", "loop")) else "alu"


def of_kind(classes: Mapping[str, Rules], kind: str) -> Rules:
    """What ``classes`` says of a kind, or of the nearest more general one that it has: what stands
    before the kind's last underscore, and ``alu`` at the end."""
    while kind not in classes:
        kind = kind.rpartition("_")[0]
        if not kind:
            return classes["alu"]
    return classes[kind]


@dataclass(frozen=True)
class Decoded:
    """kind: the class; words: 32-bit words that a multiple or floating-point transfer moves;
    result: the register that a load or a data-processing instruction writes; address: the
    registers from which a load or store forms its address; mode: how, ``immediate`` (a base and a
    constant), ``register`` (the offset is one) or ``updated`` (the base moves on); ``link`` of a
    call with a constant target, ``jump`` of a list of registers with the program counter, else
    empty; writes_pc: the instruction ends in a jump, conditional: or does not."""

    kind: str
    words: int
    result: str | None
    address: frozenset[str]
    mode: str
    writes_pc: bool
    conditional: bool


@cache
def decode(instruction: Instruction) -> Decoded:
    """Never fails: an unknown mnemonic is of the class ``alu``."""
    mnemonic, operands = instruction.mnemonic, instruction.operands
    rules = _VECTOR_RULES if _is_vector(mnemonic, operands) else _RULES
    kind = next((kind for kind, rule in rules if re.match(rule, mnemonic)), "alu")
    names = _REGISTER.findall(operands)
    bracket = re.search(r"\[([^\]]*)\]", operands)
    address: frozenset[str] = frozenset(_REGISTER.findall(bracket.group(1)) if bracket else ())
    if kind in ("load_multiple", "store_multiple") and mnemonic[0] in "ls":
        address = frozenset(names[:1])
    writes_pc = _writes_pc(kind, operands, names)
    if mnemonic == "bl":
        mode = "link"
    elif kind == "load_multiple" and writes_pc:
        mode = "jump"
    else:
        mode = _mode(operands, bracket, len(address))
    return Decoded(
        kind=kind,
        words=_words(kind, operands),
        result=names[0] if names and not mnemonic.startswith(_NO_RESULT) else None,
        address=address,
        mode=mode,
        writes_pc=writes_pc,
        conditional=kind == "branch" and _CONDITIONAL.match(mnemonic) is not None,
    )


def _is_vector(mnemonic: str, operands: str) -> bool:
    """Of Helium: 128-bit registers, or a predicate for them."""
    if not mnemonic.startswith("v"):
        return False
    return mnemonic.startswith(("vctp", "vps", "vpt", "vpnot")) or "q" in operands


def _mode(operands: str, bracket: re.Match[str] | None, registers: int) -> str:
    if bracket is None:
        return ""
    if operands.endswith("!") or operands[bracket.end() :].strip(" ,"):
        return "updated"
    return "register" if registers > 1 else "immediate"


def _words(kind: str, operands: str) -> int:
    if not kind.endswith(("_multiple", "float_load", "float_store")):
        return 1
    listed = "multiple" in kind
    registers = register_list(operands) if listed else _REGISTER.findall(operands)[:1]
    return sum(2 if name[0] == "d" else 1 for name in registers)


def register_list(operands: str) -> list[str]:
    """The registers between braces, ranges written out; none where there are no braces."""
    braces = re.search(r"\{([^}]*)\}", operands)
    listed = braces.group(1) if braces else ""
    names = _REGISTER.findall(_RANGE.sub("", listed))
    for letter, first, last in _RANGE.findall(listed):
        names += [f"{letter}{number}" for number in range(int(first), int(last) + 1)]
    return names


def _writes_pc(kind: str, operands: str, names: list[str]) -> bool:
    if kind in ("branch", "table_branch_byte", "table_branch_half"):
        return True
    if kind == "load_multiple":
        listed = re.search(r"\{([^}]*)\}", operands)
        return listed is not None and "pc" in listed.group(1)
    return kind in ("load", "alu") and names[:1] == ["pc"]
