"""The loop: allocate, build, measure, and let what was measured price the next allocation."""

from __future__ import annotations

from dataclasses import dataclass

from sqtvm.allocate.allocation import Allocation
from sqtvm.allocate.budget import Budget, Cost
from sqtvm.compile.kernel_call import KernelStyle
from sqtvm.compile.memory_plan import PlannedTensor
from sqtvm.firmware.memory_use import ImageSection
from sqtvm.measure.measurement import Measurement
from sqtvm.quantize.network import IntegerNetwork

MAXIMUM_ROUNDS = 10


@dataclass(frozen=True, eq=False)
class Realisation:
    """One allocation made real: the integer network and what its firmware measured.

    tensors, image: what lies where in the workspace and in the board's image; empty where the
    measurement was known already and nothing was built.
    """

    network: IntegerNetwork
    measurement: Measurement
    tensors: tuple[PlannedTensor, ...] = ()
    image: tuple[ImageSection, ...] = ()


@dataclass(frozen=True, eq=False)
class Round:
    """One turn of the loop; ``failing`` names what the measured firmware does not hold.

    kernel_style: of the compiled kernels, fast or compact.
    """

    number: int
    allocation: Allocation
    predicted: Cost
    predicted_source: str
    realisation: Realisation
    failing: tuple[str, ...]
    kernel_style: KernelStyle = KernelStyle.FAST

    @property
    def holds(self) -> bool:
        return not self.failing


def failing_budgets(
    budget: Budget, measurement: Measurement, accuracy_drop: float | None, bops: int
) -> tuple[str, ...]:
    """Each limit that the measured firmware breaks, in words.

    accuracy_drop: in points; bops: of the allocation, which no measurement tells.
    """
    failing: list[str] = []
    if budget.ms is not None and measurement.ms > budget.ms:
        failing.append(f"time: {measurement.ms:.2f} ms, wanted at most {budget.ms:g} ms")
    flash, ram = measurement.memory.flash_bytes, measurement.memory.ram_bytes
    if budget.flash_bytes is not None and flash > budget.flash_bytes:
        failing.append(f"flash: {flash:,} B, wanted at most {budget.flash_bytes:,} B")
    if budget.ram_bytes is not None and ram > budget.ram_bytes:
        failing.append(f"RAM: {ram:,} B, wanted at most {budget.ram_bytes:,} B")
    energy = measurement.energy
    if budget.energy_mj is not None and energy is not None and energy.mj > budget.energy_mj:
        failing.append(f"energy: {energy.mj:.4g} mJ, wanted at most {budget.energy_mj:g} mJ")
    if budget.bops is not None and bops > budget.bops:
        failing.append(f"bit operations: {bops:,}, wanted at most {budget.bops:,}")
    if (
        budget.max_drop is not None
        and accuracy_drop is not None
        and accuracy_drop > budget.max_drop
    ):
        failing.append(
            f"accuracy: {accuracy_drop:.2f} points lost, wanted at most {budget.max_drop:g}"
        )
    return tuple(failing)
