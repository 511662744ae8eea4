"""The cycle models beside those that LLVM schedules for.

    python -m benchmarks.cycle_models

Counts a network's firmware for each core in the emulator, takes the blocks without jumps that make
up almost all of its instructions, and puts them through the core's cycle model and through
llvm-mca, each block as a loop of its own: without what jumps and memory cost, which LLVM has no
figures for. LLVM's models are made by Arm for compilers, and are no measurement either. Prints a
Markdown table.

llvm-mca comes with the package that brings TVM its LLVM.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.kernels.run import prepared
from benchmarks.networks import networks
from sqtvm.compile.network import compile_network
from sqtvm.firmware.boards import load_board
from sqtvm.firmware.build import build
from sqtvm.firmware.project import generate
from sqtvm.frontend.graph import Graph, Shape
from sqtvm.measure.counted import count
from sqtvm.measure.counting import InstructionCount
from sqtvm.measure.cycles import CycleModel, cycles_of_block, estimate, model_for
from sqtvm.measure.disassembly import Instruction
from sqtvm.measure.dual_issue import Block, blocks
from sqtvm.measure.instruction_class import decode

# For the Cortex-M4, and the M33 likewise, LLVM takes every instruction for one cycle of issue.
BOARDS = ("mps2-an500", "mps3-an547")
NETWORKS = ("ResNet-8", "DS-CNN")
BITS = 8
_COVERED = 0.98
_ITERATIONS = 100
_TURNS = 8


@dataclass(frozen=True)
class Row:
    """covered: the part of the instructions that the blocks are; cycles: of them all."""

    core: str
    network: str
    covered: float
    instructions: int
    model: str
    cycles: float
    llvm_cycles: float


def hottest(found: Sequence[Block], share: float) -> Iterator[Block]:
    """The blocks with most instructions, until ``share`` of all of them are there."""
    total = sum(_executed(block) for block in found)
    left = share * total
    for block in sorted(found, key=_executed, reverse=True):
        if left <= 0:
            return
        left -= _executed(block)
        yield block


def _executed(block: Block) -> int:
    return block.executed * len(block.instructions)


def own_cycles(model: CycleModel, block: Block) -> float:
    """Of one turn of ``block`` where it follows itself, unscaled."""
    code = block.instructions
    if model.dual_issue is not None:
        loop = Block(code, 1, loops=True)
        best, worst = (cycles_of_block(model.dual_issue, loop, pair) for pair in (True, False))
        return (best + worst) / 2
    repeated = code * _TURNS
    counts = [InstructionCount(0, 4 * n, bytes(4), 1, 0) for n in range(len(repeated))]
    done = estimate(model, counts, {4 * n: each for n, each in enumerate(repeated)})
    return done.likely / _TURNS


def llvm_cycles(program: str, core: str, found: Sequence[Block]) -> list[float]:
    """Of one turn of each block where it follows itself."""
    regions = [
        f"# LLVM-MCA-BEGIN {number}\n{_assembly(block)}\n# LLVM-MCA-END"
        for number, block in enumerate(found)
    ]
    command = [
        *(program, "-mtriple=thumbv8.1m.main-none-eabi", f"-mcpu={core}"),
        *(f"--iterations={_ITERATIONS}", "--json"),
        "-skip-unsupported-instructions=lack-sched",
    ]
    text = "\n".join((".Ltarget:", *regions, ""))
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(done.stderr.strip())
    answer = json.loads(done.stdout)["CodeRegions"]
    return [region["SummaryView"]["TotalCycles"] / _ITERATIONS for region in answer]


def _assembly(block: Block) -> str:
    return "\n".join(_line(each) for each in block.instructions)


def _line(instruction: Instruction) -> str:
    kind = decode(instruction).kind
    operands = instruction.operands
    if kind in ("branch", "loop_end", "loop_begin"):
        operands = re.sub(r"\b[0-9a-f]+$", ".Ltarget", operands)
    # As the assembler takes it, where the disassembler has forms of its own.
    operands = re.sub(r"\[(\w+), #-?0\]", r"[\1]", operands)
    return f"\t{instruction.mnemonic}\t{operands}"


def row(program: str, board_name: str, name: str, graph: Graph, shape: Shape) -> Row:
    board = load_board(board_name)
    model = model_for(board.core)
    network, inputs = prepared(graph, shape, BITS)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        archive = compile_network(name, graph, network, board.tvm_target, folder / "model.tar")
        firmware = build(generate(archive.path, board, folder / "firmware"), "emulator")
        names = [layer.name for layer in network.layers]
        counted = count(firmware, board, model, np.asarray(inputs), names)
    every = [
        block for layer in counted.layers for block in blocks(layer.counts, counted.instructions)
    ]
    chosen = list(hottest(every, _COVERED))
    theirs = llvm_cycles(program, board.core, chosen)
    executed = sum(_executed(block) for block in chosen)
    return Row(
        board.core,
        name,
        executed / sum(_executed(block) for block in every),
        executed,
        model.title,
        sum(block.executed * own_cycles(model, block) for block in chosen),
        sum(block.executed * each for block, each in zip(chosen, theirs, strict=True)),
    )


def main() -> None:
    packaged = Path(sysconfig.get_path("platlib")) / "llvm" / "bin" / "llvm-mca"
    program = str(packaged) if packaged.exists() else shutil.which("llvm-mca")
    if program is None:
        raise SystemExit("there is no llvm-mca: apt-get install llvm")
    made = networks()
    print(
        "| core | network | part of its instructions | model | its cycles an instruction | LLVM's "
        "| model / LLVM |"
    )
    print("|---|---|---|---|---|---|---|")
    for board in BOARDS:
        for name in NETWORKS:
            found = row(program, board, name, *made[name])
            print(
                f"| {found.core} | {name} | {found.covered:.0%} "
                f"| {found.model} | {found.cycles / found.instructions:.3f} "
                f"| {found.llvm_cycles / found.instructions:.3f} "
                f"| {found.cycles / found.llvm_cycles:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
