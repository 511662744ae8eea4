"""Convolutions' weights in pairs and in fours of channels: python -m benchmarks.kernels.orders

Counts networks on the emulated cores that have SMLAD with either order of weights
(docs/layouts.md), and prints a Markdown table.
"""

from __future__ import annotations

import argparse
import sys
from unittest.mock import patch

from benchmarks.kernels.run import Row, measured
from benchmarks.kernels.tables import table
from benchmarks.networks import networks
from sqtvm.allocate.budget import BITS

BOARDS = ("mps2-an500", "mps2-an386", "mps2-an505")
NETWORKS = ("ResNet-8", "MobileNetV1-0.25", "DS-CNN")
_HEAD = (
    "| board | network | bits | instructions a MAC in pairs | in fours "
    "| est. cycles a MAC in pairs | in fours | fours / pairs |"
)


def _ordered(name: str, bits: int, board: str, in_fours: bool) -> Row:
    # No option chooses the order: it follows from the core.
    cores = ("cortex-m7", "cortex-m4", "cortex-m33") if in_fours else ()
    module = "sqtvm.compile.kernel_call"
    with patch(f"{module}._SINGLE_ISSUE", cores), patch(f"{module}._DUAL_ISSUE", ()):
        return measured(name, *networks()[name], bits, board)


def _line(pairs: Row, fours: Row) -> str:
    rows = (pairs, fours)
    instructions = [(row.measurement.instructions or 0) / row.macs for row in rows]
    cycles = [(row.measurement.est_cycles or 0.0) / row.macs for row in rows]
    figures = [f"{one:.3f}" for one in (*instructions, *cycles, cycles[1] / cycles[0])]
    return f"| {fours.board} | {fours.network} | {fours.bits} | {' | '.join(figures)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", action="append", choices=list(networks()))
    arguments = parser.parse_args()
    lines = []
    for board in BOARDS:
        for name in arguments.network or NETWORKS:
            for bits in BITS:
                print(f"{board}: {name} at {bits} bits", file=sys.stderr)
                pairs, fours = (_ordered(name, bits, board, order) for order in (False, True))
                lines.append(_line(pairs, fours))
    print(table(_HEAD, lines))


if __name__ == "__main__":
    main()
