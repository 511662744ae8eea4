"""Cycles of straight-line code on an in-order core that issues up to two instructions at once.

Code is cut into basic blocks by address; each is issued instruction by instruction by the model's
rules, and counts as often as it was executed. What one block leaves unfinished is not carried into
the next, but for a block that is a loop of its own, whose steady state is taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict

from sqtvm.measure.counting import InstructionCount
from sqtvm.measure.disassembly import Instruction
from sqtvm.measure.instruction_class import decode, of_kind
from sqtvm.measure.operands import Operands, operands, pipeline_class, place

_WARM_UP, _TURNS = 4, 8


class IssueClass(BaseModel):
    """How a class of instructions is issued.

    source: where the figures are from; result: stages after its issue from which on the first
    stage can use what it computes; early: it runs a stage earlier where it is the first of a pair
    and its operands are there; units: what it takes for itself, and holds: for so many cycles;
    alone: it is never one of a pair; first: only the first of a pair; cycles, per_word: until the
    next can be issued, it costs nothing where both are 0; load_penalty: stages that an operand
    from a load is later than any other.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    result: int = 2
    early: bool = False
    units: tuple[str, ...] = ()
    holds: float = 1.0
    alone: bool = False
    first: bool = False
    cycles: float = 1.0
    per_word: float = 0.0
    load_penalty: int = 0


class Stages(BaseModel):
    """Stage of the pipeline in which an operand is taken, the first being 0."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    address: int = 0
    early: int = 0
    late: int = 1
    accumulator: int = 2
    stored: int = 3


@dataclass(frozen=True)
class Block:
    """Instructions in a row, executed so often; loops: its last jumps back to its first."""

    instructions: tuple[Instruction, ...]
    executed: int
    loops: bool


def blocks(
    counts: Iterable[InstructionCount], instructions: Mapping[int, Instruction]
) -> tuple[Block, ...]:
    """counts: of one segment."""
    ordered = sorted(counts, key=lambda count: count.address)
    targets = {_target(instructions[count.address]) for count in ordered}
    found: list[list[InstructionCount]] = []
    for count in ordered:
        last = found[-1][-1] if found else None
        if (
            last is None
            or last.address + len(last.opcode) != count.address
            or last.executed != count.executed
            or decode(instructions[last.address]).writes_pc
            or count.address in targets
        ):
            found.append([])
        found[-1].append(count)
    return tuple(
        Block(
            tuple(instructions[count.address] for count in group),
            group[0].executed,
            _target(instructions[group[-1].address]) == group[0].address,
        )
        for group in found
    )


def block_cycles(
    block: Block,
    classes: Mapping[str, IssueClass],
    stages: Stages,
    loads_pair: bool,
    narrow_pairs: bool = False,
) -> float:
    """Cycles of one execution.

    loads_pair: whether two loads go together where it cannot be told from their addresses that
    they are in different banks; narrow_pairs: whether only instructions of 16 bits do. What the
    last cycle has free is half the next block's.
    """
    core = _Core(classes, stages, loads_pair, narrow_pairs)
    if not block.loops:
        core.run(block.instructions)
        return core.now()
    for _ in range(_WARM_UP):
        core.run(block.instructions)
    begun = core.now()
    for _ in range(_TURNS):
        core.run(block.instructions)
    return (core.now() - begun) / _TURNS


def _target(instruction: Instruction) -> int | None:
    """Where a direct branch goes; calls are left out, they come back."""
    kind = decode(instruction).kind
    if kind not in ("branch", "loop_end") or instruction.mnemonic in ("bl", "blx", "bx"):
        return None
    last = instruction.operands.rpartition(",")[2].strip()
    try:
        return int(last, 16)
    except ValueError:
        return None


@dataclass
class _Core:
    """The state between two instructions; ready: from when on the first stage has a register;
    free: from when on a unit is."""

    classes: Mapping[str, IssueClass]
    stages: Stages
    loads_pair: bool
    narrow_pairs: bool
    cycle: float = -1.0
    busy: float = 0.0
    issued: list[tuple[Instruction, IssueClass]] = field(default_factory=list)
    ready: dict[str, float] = field(default_factory=dict)
    free: dict[str, float] = field(default_factory=dict)
    loaded: set[str] = field(default_factory=set)

    def run(self, code: Sequence[Instruction]) -> None:
        for instruction in code:
            self._issue(instruction)

    def now(self) -> float:
        lone = len(self.issued) == 1 and not self.issued[0][1].alone
        return self.cycle + self.busy - (0.5 if lone else 0.0)

    def _issue(self, instruction: Instruction) -> None:
        kind = pipeline_class(instruction)
        rules = of_kind(self.classes, kind)
        if rules.cycles == 0 and rules.per_word == 0:
            return
        used = operands(instruction)
        units_free = max((self.free.get(unit, 0.0) for unit in rules.units), default=0.0)
        possible = max(self._operands_ready(used, rules), units_free)
        second = possible <= self.cycle and self._pairs(instruction, rules)
        if second:
            self.issued.append((instruction, rules))
        else:
            self.cycle = max(self.cycle + self.busy, possible)
            self.issued = [(instruction, rules)]
            words = decode(instruction).words
            self.busy = max(1.0, rules.cycles + float(-(-words * rules.per_word // 1)))
        self.free.update(dict.fromkeys(rules.units, self.cycle + rules.holds))
        self._write(used, rules, second)

    def _operands_ready(self, used: Operands, rules: IssueClass) -> float:
        stages = self.stages
        late = stages.late - rules.load_penalty
        times = [
            *(self._ready(name) - stages.address for name in used.address),
            *(self._ready(name) - stages.early for name in used.early),
            *(
                self._ready(name) - (late if name in self.loaded else stages.late)
                for name in used.late
            ),
            *(self._ready(name) - stages.accumulator for name in used.accumulators),
            *(self._ready(name) - stages.stored for name in used.stored),
        ]
        # Nothing is issued before the block begins.
        return max((0.0, *times))

    def _ready(self, name: str) -> float:
        return self.ready.get(name, 0.0)

    def _pairs(self, instruction: Instruction, rules: IssueClass) -> bool:
        if len(self.issued) != 1 or rules.alone or rules.first:
            return False
        before, other = self.issued[0]
        if other.alone or (self.narrow_pairs and 4 in (before.size, instruction.size)):
            return False
        if decode(before).kind == "load" and decode(instruction).kind == "load":
            return self._in_different_banks(before, instruction)
        return True

    def _in_different_banks(self, one: Instruction, two: Instruction) -> bool:
        first, second = place(one), place(two)
        if first is None or second is None or first[0] != second[0]:
            return self.loads_pair
        return (first[1] // 4 - second[1] // 4) % 2 == 1

    def _write(self, used: Operands, rules: IssueClass, second: bool) -> None:
        stage = rules.result
        taken = used.late | used.early
        if rules.early and not second and all(self._ready(r) <= self.cycle for r in taken):
            stage -= 1
        done = self.cycle + (self.busy - 1 if not second else 0)
        loads = "load" in pipeline_class(self.issued[-1][0])
        for name in used.results:
            self.ready[name] = done + stage
            (self.loaded.add if loads else self.loaded.discard)(name)
        for name in used.updated:
            self.ready[name] = self.cycle + 1
            self.loaded.discard(name)
