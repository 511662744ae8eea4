"""Estimated cycles from exact instruction counts, by named models in ``cycle_models/*.toml``.

An estimate is never a measurement: every model says where its figures are from and how far off
it may be, and its result is a range with a most likely value in it. A model is a table of classes
(cores that finish one instruction before the next), or rules of issue (``dual_issue``), and
beside either what the memory costs.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sqtvm.errors import BoardError
from sqtvm.measure.counting import NO_FILLS, InstructionCount, LineFills
from sqtvm.measure.disassembly import Instruction
from sqtvm.measure.dual_issue import Block, IssueClass, Stages, block_cycles, blocks
from sqtvm.measure.instruction_class import Decoded, decode, of_kind

_LOADS_AND_STORES = ("load", "store", "float_load", "float_store")
_BLOCKS = ("load_pair", "store_pair", "load_multiple", "store_multiple")


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Span(_Strict):
    """Cycles: at least, most likely, at most."""

    low: float
    likely: float
    high: float


class ClassCycles(Span):
    """Cycles of one execution: the span, and so many more for each word that is moved.

    modes: the span where the access is addressed in that way (``immediate``, ``register`` or
    ``updated``) or jumps in that way (``link``, ``jump``); source: of the figures.
    """

    source: str
    per_word: float = 0.0
    modes: Mapping[str, Span] = Field(default_factory=dict)


class DualIssue(_Strict):
    """mispredicted: cycles lost where a conditional branch went the other way, taken to be as
    often as its rarer outcome; narrow_pairs: only two instructions of 16 bits go together."""

    source: str
    narrow_pairs: bool = False
    stages: Stages = Stages()
    mispredicted: Span
    classes: Mapping[str, IssueClass]


class Memory(_Strict):
    """What filling a line of a first-level cache costs, in cycles.

    From flash: ``overhead`` of bus and cache, and ``accesses`` of the flash's width, each one
    cycle and the board's wait states; from RAM: ``ram_fill``; both times ``factor``, which is 1
    but in a calibrated model. code_ways, data_ways: of the caches.
    """

    source: str
    code_ways: Annotated[int, Field(gt=0)]
    data_ways: Annotated[int, Field(gt=0)]
    accesses: Annotated[int, Field(gt=0)]
    overhead: Span
    ram_fill: Span
    factor: float = 1.0


class CycleModel(_Strict):
    """One core's timing.

    name, version: how reports call it; source: of every figure; error: what the estimate may be
    off by, and from where that is known; check: how to come to that again; classes: cycles of
    each class; refill: cycles to fill the pipeline after a jump; follows_load: cycles that a load
    or store saves behind a load that does not give it its address; address_stall: cycles that it
    loses behind an instruction that computes its address; dual_issue: instead of classes; scale:
    what the instructions' cycles are multiplied by so that they agree with measured times; rate:
    cycles an instruction, for where only their number is known: what the model itself gives for
    the kernels of this package.
    """

    name: str
    version: int
    cores: tuple[str, ...]
    source: str
    error: str
    check: str
    classes: Mapping[str, ClassCycles] = Field(default_factory=dict)
    refill: Span = Span(low=0, likely=0, high=0)
    follows_load: float = 0.0
    address_stall: float = 0.0
    dual_issue: DualIssue | None = None
    memory: Memory | None = None
    scale: Span = Span(low=1, likely=1, high=1)
    rate: Span = Span(low=1, likely=1, high=1)

    @property
    def title(self) -> str:
        return f"{self.name} v{self.version}"

    @model_validator(mode="after")
    def _check(self) -> Self:
        known = self.classes if self.dual_issue is None else self.dual_issue.classes
        if "alu" not in known:
            raise ValueError("there is no class alu, which every unknown instruction is of")
        return self


@dataclass(frozen=True)
class CycleEstimate:
    """Cycles: at least, most likely, at most, by the model's own ranges."""

    low: float
    likely: float
    high: float

    def __add__(self, other: CycleEstimate) -> CycleEstimate:
        return CycleEstimate(
            self.low + other.low, self.likely + other.likely, self.high + other.high
        )

    def times(self, factor: Span) -> CycleEstimate:
        return CycleEstimate(
            self.low * factor.low, self.likely * factor.likely, self.high * factor.high
        )


@cache
def models() -> tuple[CycleModel, ...]:
    """Every model that comes with sqtvm, by name."""
    folder = resources.files("sqtvm.measure").joinpath("cycle_models")
    files = sorted(
        (entry for entry in folder.iterdir() if entry.name.endswith(".toml")),
        key=lambda entry: entry.name,
    )
    return tuple(parse(entry.read_text(), entry.name) for entry in files)


def parse(text: str, where: str) -> CycleModel:
    """A model from a TOML text; BoardError names ``where`` and the field that is wrong."""
    try:
        return CycleModel.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise BoardError(f"the cycle model {where} is no TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise BoardError(f"the cycle model {where} is wrong at {field}: {first['msg']}") from error


def model_for(core: str) -> CycleModel:
    """The model of a core such as ``cortex-m7``; BoardError where there is none."""
    for model in models():
        if core in model.cores:
            return model
    known = ", ".join(sorted(core for model in models() for core in model.cores))
    raise BoardError(
        f"there is no cycle model for {core}",
        f"measure on the board (--measure serial:PORT); models exist for {known}",
    )


def estimate(
    model: CycleModel,
    counts: Iterable[InstructionCount],
    instructions: Mapping[int, Instruction],
    fills: LineFills = NO_FILLS,
    wait_states: int = 0,
) -> CycleEstimate:
    """Cycles of what was counted.

    instructions: the disassembly at each counted address; fills: of the caches meanwhile;
    wait_states: of the flash at the board's clock.
    """
    by_segment: dict[int, list[InstructionCount]] = {}
    for count in counts:
        by_segment.setdefault(count.segment, []).append(count)
    total = CycleEstimate(0, 0, 0)
    for segment in by_segment.values():
        if model.dual_issue is None:
            total += _by_table(model, segment, instructions)
        else:
            total += _by_issue(model, model.dual_issue, segment, instructions)
    return total.times(model.scale) + _filling(model, fills, wait_states)


def _filling(model: CycleModel, fills: LineFills, wait_states: int) -> CycleEstimate:
    if model.memory is None:
        return CycleEstimate(0, 0, 0)
    overhead, ram = model.memory.overhead, model.memory.ram_fill
    access = model.memory.accesses * (1 + wait_states)
    lines = fills.code + fills.flash
    factor = model.memory.factor
    return CycleEstimate(
        factor * (lines * (access + overhead.low) + fills.ram * ram.low),
        factor * (lines * (access + overhead.likely) + fills.ram * ram.likely),
        factor * (lines * (access + overhead.high) + fills.ram * ram.high),
    )


def _by_issue(
    model: CycleModel,
    rules: DualIssue,
    counts: list[InstructionCount],
    instructions: Mapping[int, Instruction],
) -> CycleEstimate:
    best = worst = 0.0
    for block in blocks(counts, instructions):
        best += block.executed * cycles_of_block(rules, block, True)
        worst += block.executed * cycles_of_block(rules, block, False)
    turned = sum(
        min(count.jumped, count.executed - count.jumped)
        for count in counts
        if decode(instructions[count.address]).conditional
    )
    jumps = sum(
        min(count.jumped, count.executed)
        for count in counts
        if decode(instructions[count.address]).writes_pc
    )
    lost, refill = rules.mispredicted, model.refill
    return CycleEstimate(
        best + turned * lost.low + jumps * refill.low,
        (best + worst) / 2 + turned * lost.likely + jumps * refill.likely,
        worst + turned * lost.high + jumps * refill.high,
    )


def cycles_of_block(rules: DualIssue, block: Block, loads_pair: bool) -> float:
    """Cycles of one execution; loads_pair: whether two loads of unknown banks go together."""
    return block_cycles(block, rules.classes, rules.stages, loads_pair, rules.narrow_pairs)


def _by_table(
    model: CycleModel,
    counts: list[InstructionCount],
    instructions: Mapping[int, Instruction],
) -> CycleEstimate:
    total = CycleEstimate(0, 0, 0)
    previous: InstructionCount | None = None
    for count in sorted(counts, key=lambda count: count.address):
        decoded = decode(instructions[count.address])
        total += _own(model, count, decoded)
        if previous is not None and previous.address + len(previous.opcode) == count.address:
            # However control came here otherwise, so often it fell through from before.
            together = min(max(previous.executed - previous.jumped, 0), count.executed)
            before = decode(instructions[previous.address])
            change = _pair(model, before, decoded) * together
            total += CycleEstimate(change, change, change)
        previous = count
    return total


def _own(model: CycleModel, count: InstructionCount, decoded: Decoded) -> CycleEstimate:
    cycles = of_kind(model.classes, decoded.kind)
    each = cycles.modes.get(decoded.mode, cycles)
    moved = cycles.per_word * decoded.words * count.executed
    refills = min(count.jumped, count.executed) if decoded.writes_pc else 0
    return CycleEstimate(
        each.low * count.executed + moved + model.refill.low * refills,
        each.likely * count.executed + moved + model.refill.likely * refills,
        each.high * count.executed + moved + model.refill.high * refills,
    )


def _pair(model: CycleModel, before: Decoded, decoded: Decoded) -> float:
    """Cycles that ``decoded`` takes more (or fewer) because ``before`` ran just before it."""
    single = decoded.kind in _LOADS_AND_STORES
    if not single and decoded.kind not in _BLOCKS:
        return 0.0
    depends = before.result is not None and before.result in decoded.address
    if before.kind == "load":
        pipelined = single and not depends
        store = model.classes.get("store")
        cheap = decoded.kind == "store" and store is not None and decoded.mode in store.modes
        return -model.follows_load if pipelined and not cheap else 0.0
    computes = before.kind not in (*_LOADS_AND_STORES, *_BLOCKS) and not before.writes_pc
    return model.address_stall if computes and depends else 0.0
