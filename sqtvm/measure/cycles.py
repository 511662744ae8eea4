"""Estimated cycles from exact instruction counts, by named models in ``cycle_models/*.toml``.

An estimate is never a measurement: every model says where its figures are from and how far off
it may be, and its result is a range with a most likely value in it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sqtvm.errors import BoardError
from sqtvm.measure.counting import InstructionCount
from sqtvm.measure.disassembly import Instruction
from sqtvm.measure.instruction_class import Decoded, decode

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
    """Cycles of one execution: the span, and so many more for each word that is moved."""

    per_word: float = 0.0


class CycleModel(_Strict):
    """One core's timing.

    name, version: how reports call it; source: of every figure; error: what the estimate may be
    off by, and from where that is known; rate: cycles an instruction, where no table is
    published; classes: cycles of each class otherwise; refill: cycles to fill the pipeline
    after a jump; follows_load: cycles that a load or store saves behind a load that does not
    give it its address; address_stall: cycles that it loses behind an instruction that computes
    its address; store_immediate: cycles of a store whose offset is a constant.
    """

    name: str
    version: int
    cores: tuple[str, ...]
    source: str
    error: str
    rate: Span | None = None
    classes: Mapping[str, ClassCycles] = Field(default_factory=dict)
    refill: Span = Span(low=0, likely=0, high=0)
    follows_load: float = 0.0
    address_stall: float = 0.0
    store_immediate: float | None = None

    @property
    def title(self) -> str:
        return f"{self.name} v{self.version}"


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
) -> CycleEstimate:
    """Cycles of what was counted; instructions: the disassembly at each counted address."""
    ordered = sorted(counts, key=lambda count: (count.segment, count.address))
    if model.rate is not None:
        executed = sum(count.executed for count in ordered)
        rate = model.rate
        return CycleEstimate(rate.low * executed, rate.likely * executed, rate.high * executed)
    total = CycleEstimate(0, 0, 0)
    previous: InstructionCount | None = None
    for count in ordered:
        decoded = decode(instructions[count.address])
        total += _own(model, count, decoded)
        if previous is not None and _adjacent(previous, count):
            # However control came here otherwise, so often it fell through from before.
            together = min(max(previous.executed - previous.jumped, 0), count.executed)
            before = decode(instructions[previous.address])
            change = _pair(model, before, decoded) * together
            total += CycleEstimate(change, change, change)
        previous = count
    return total


def _own(model: CycleModel, count: InstructionCount, decoded: Decoded) -> CycleEstimate:
    cycles = model.classes.get(decoded.kind, model.classes["alu"])
    each = CycleEstimate(cycles.low, cycles.likely, cycles.high)
    if decoded.kind == "store" and not decoded.indexed and model.store_immediate is not None:
        each = CycleEstimate(*(model.store_immediate,) * 3)
    moved = cycles.per_word * decoded.words * count.executed
    refills = min(count.jumped, count.executed) if decoded.writes_pc else 0
    return CycleEstimate(
        each.low * count.executed + moved + model.refill.low * refills,
        each.likely * count.executed + moved + model.refill.likely * refills,
        each.high * count.executed + moved + model.refill.high * refills,
    )


def _adjacent(previous: InstructionCount, count: InstructionCount) -> bool:
    end = previous.address + len(previous.opcode)
    return previous.segment == count.segment and end == count.address


def _pair(model: CycleModel, before: Decoded, decoded: Decoded) -> float:
    """Cycles that ``decoded`` takes more (or fewer) because ``before`` ran just before it."""
    single = decoded.kind in _LOADS_AND_STORES
    if not single and decoded.kind not in _BLOCKS:
        return 0.0
    depends = before.result is not None and before.result in decoded.address
    if before.kind == "load":
        pipelined = single and not depends
        cheap = decoded.kind == "store" and not decoded.indexed
        return -model.follows_load if pipelined and not cheap else 0.0
    computes = before.kind not in (*_LOADS_AND_STORES, *_BLOCKS) and not before.writes_pc
    return model.address_stall if computes and depends else 0.0
