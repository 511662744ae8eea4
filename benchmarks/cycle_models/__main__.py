"""The Cortex-M7's cycle model against published layer times.

    python -m benchmarks.cycle_models CMSIS_5

CMSIS_5 is a checkout of github.com/ARM-software/CMSIS_5 at its tag 5.3.0, or any folder that holds
its CMSIS/{Core,DSP,NN}. Its kernels are built with the seven layers of cifar10.c, counted in the
emulator, and put through the model unscaled, with all data in memory without wait states. Prints
the Markdown table, and ends with status 1 where the model's own scale and range are not those of
the table.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from sqtvm.measure import counting
from sqtvm.measure.counting import InferenceCounts
from sqtvm.measure.cycles import CycleModel, Span, estimate, model_for
from sqtvm.measure.disassembly import disassemble

HERE = Path(__file__).parent
QEMU = "qemu-system-arm"
CLOCK_HZ = 216_000_000
_FLAGS = ("-mcpu=cortex-m7", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16", "-O2")
_KERNELS = (
    "ConvolutionFunctions/arm_convolve_HWC_q7_RGB.c",
    "ConvolutionFunctions/arm_convolve_HWC_q7_fast.c",
    "ConvolutionFunctions/arm_nn_mat_mult_kernel_q7_q15_reordered.c",
    "ConvolutionFunctions/arm_nn_mat_mult_kernel_q7_q15.c",
    "PoolingFunctions/arm_pool_q7_HWC.c",
    "ActivationFunctions/arm_relu_q7.c",
    "FullyConnectedFunctions/arm_fully_connected_q7_opt.c",
    "NNSupportFunctions/arm_q7_to_q15_no_shift.c",
    "NNSupportFunctions/arm_q7_to_q15_reordered_no_shift.c",
)


@dataclass(frozen=True)
class Published:
    """ms: as the paper prints it; in_range: whether the model's range rests on this layer."""

    name: str
    ms: float
    in_range: bool


# arXiv 1801.06601, table 1; quoted from memory.
LAYERS = (
    Published("conv 5x5 3→32, 32x32", 31.4, True),
    Published("max pool", 1.6, False),
    Published("conv 5x5 32→32, 16x16", 42.8, True),
    Published("max pool", 0.4, False),
    Published("conv 5x5 32→64, 8x8", 22.6, True),
    Published("max pool", 0.3, False),
    Published("fully connected 1024→10", 0.1, True),
)
ALL_MS = 99.1


@dataclass(frozen=True)
class Row:
    name: str
    instructions: int
    ms: float
    est_cycles: float

    @property
    def ratio(self) -> float:
        """Published over estimated."""
        return self.ms * 1e-3 * CLOCK_HZ / self.est_cycles


def compile_layers(cmsis: Path, elf: Path) -> None:
    """SystemExit with the compiler's message where that does not work."""
    root = cmsis / "CMSIS"
    folders = [root / "NN" / "Include", root / "DSP" / "Include", root / "Core" / "Include"]
    command = [
        "arm-none-eabi-gcc",
        *_FLAGS,
        *("-nostartfiles", "-D__FPU_PRESENT=1", "-DARM_MATH_CM7", "-DARM_MATH_DSP", "-w"),
        *(f"-I{folder}" for folder in folders),
        *(str(root / "NN" / "Source" / name) for name in _KERNELS),
        *(str(HERE / "cifar10.c"), "-T", str(HERE / "cifar10.ld"), "-o", str(elf)),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(done.stderr.strip())


def count(elf: Path, table: Path) -> InferenceCounts:
    plugin = counting.arguments(counting.library(QEMU), table, counting.THUMB_MARKERS)
    command = [
        *(QEMU, "-machine", "mps2-an500", "-nographic", "-monitor", "none", "-serial", "none"),
        *("-semihosting-config", "enable=on,target=native", *plugin, "-kernel", str(elf)),
    ]
    subprocess.run(command, check=True, timeout=300, stdin=subprocess.DEVNULL)
    return counting.read_table(table)


def unscaled(model: CycleModel) -> CycleModel:
    return model.model_copy(update={"scale": Span(low=1, likely=1, high=1)})


def rows(cmsis: Path) -> list[Row]:
    model = unscaled(model_for("cortex-m7"))
    with tempfile.TemporaryDirectory() as temporary:
        elf = Path(temporary) / "cifar10.elf"
        compile_layers(cmsis, elf)
        counted = count(elf, Path(temporary) / "table")
        code = disassemble(elf, frozenset(each.address for each in counted.counts))
    found = []
    for number, layer in enumerate(LAYERS):
        counts = counted.segment(number)
        cycles = estimate(model, counts, code).likely
        found.append(Row(layer.name, sum(each.executed for each in counts), layer.ms, cycles))
    total = sum(row.instructions for row in found), sum(row.est_cycles for row in found)
    return [*found, Row("all", total[0], ALL_MS, total[1])]


def table(found: list[Row]) -> str:
    lines = [
        "| layer | instructions | published, ms | published cycles an instruction "
        "| model, before scaling | published / model |",
        "|---|---|---|---|---|---|",
    ]
    for row in found:
        cycles = row.ms * 1e-3 * CLOCK_HZ
        lines.append(
            f"| {row.name} | {row.instructions:,} | {row.ms:g} "
            f"| {cycles / row.instructions:.3f} | {row.est_cycles / row.instructions:.2f} "
            f"| {row.ratio:.2f} |"
        )
    return "\n".join(lines)


def found_scale(found: list[Row]) -> Span:
    """Likely: of all layers; low and high: of those that the range rests on."""
    ratios = [row.ratio for row, layer in zip(found, LAYERS, strict=False) if layer.in_range]
    low, likely, high = (round(each, 2) for each in (min(ratios), found[-1].ratio, max(ratios)))
    return Span(low=low, likely=likely, high=high)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cmsis", type=Path, metavar="CMSIS_5")
    found = rows(parser.parse_args().cmsis)
    print(table(found))
    model = model_for("cortex-m7")
    if found_scale(found) != model.scale:
        sys.exit(f"{model.title} says {model.scale}, found {found_scale(found)}")


if __name__ == "__main__":
    main()
