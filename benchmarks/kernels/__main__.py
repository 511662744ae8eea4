"""Instructions and estimated cycles of networks in the emulator: python -m benchmarks.kernels

Builds every network at 8, 4 and 2 bits for the emulated boards, runs one inference each with the
counting plugin, checks its output against the integer reference, and prints Markdown tables; with
--tvm also TVM's own int8 schedules for the same networks on the first board.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from benchmarks.kernels.run import Row, measured
from benchmarks.kernels.tables import layer_table, memory_table, network_table, tvm_table
from benchmarks.kernels.tvm_run import TvmRow, measured_tvm
from benchmarks.networks import networks
from sqtvm.allocate.budget import BITS

BOARDS = ("mps2-an500", "mps2-an386")


def _rows(boards: list[str], names: list[str], bits: list[int]) -> Iterator[Row]:
    known = networks()
    for board in boards:
        for name in names:
            for weight_bits in bits:
                print(f"{board}: {name} at {weight_bits} bits", file=sys.stderr)
                yield measured(name, *known[name], weight_bits, board)


def _tvm_rows(board: str, names: list[str]) -> Iterator[TvmRow]:
    known = networks()
    for name in names:
        print(f"{board}: {name} by TVM's schedules", file=sys.stderr)
        yield measured_tvm(name, *known[name], board)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", action="append", choices=list(networks()))
    parser.add_argument("--board", action="append", help=f"of {', '.join(BOARDS)}: all of them")
    parser.add_argument("--bits", action="append", type=int, choices=BITS)
    parser.add_argument("--tvm", action="store_true", help="TVM's own schedules too")
    arguments = parser.parse_args()
    boards = arguments.board or list(BOARDS)
    names = arguments.network or list(networks())
    bits = arguments.bits or list(BITS)
    if arguments.tvm and 8 not in bits:
        parser.error("--tvm compares 8 bits: leave --bits away, or add --bits 8")
    found = list(_rows(boards, names, bits))
    tables = [network_table(found), memory_table(found), layer_table(found)]
    if arguments.tvm:
        tables.append(tvm_table(list(_tvm_rows(boards[0], names)), found))
    print("\n\n".join(tables))


if __name__ == "__main__":
    main()
