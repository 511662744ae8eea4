"""Who asks the firmware: sqtvm's own protocol, or the runners of MLPerf Tiny."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqtvm.errors import SqtvmError
from sqtvm.firmware.boards import Board

MLPERF_MODELS = ("ic01", "vww01", "kws01", "ad01")

# The inputs of the benchmark's reference networks, channels last.
_INPUTS = {(32, 32, 3): "ic01", (96, 96, 3): "vww01", (49, 10, 1): "kws01", (640,): "ad01"}


@dataclass(frozen=True)
class Harness:
    """model: the benchmark's name, by which MLPerf Tiny's runners choose their input files; mode:
    energy answers at 9600 baud and marks time by a pin. Both mean nothing to sqtvm's own."""

    kind: Literal["sqtvm", "mlperf-tiny"] = "sqtvm"
    model: str = ""
    mode: Literal["performance", "energy"] = "performance"

    @property
    def suffix(self) -> str:
        """What a build's folder ends with."""
        return "" if self.kind == "sqtvm" else f"-{self.kind}-{self.mode}"

    def require_pin(self, board: Board) -> None:
        """SqtvmError where energy monitors would have no pin to watch."""
        if self.mode == "energy" and board.timestamp is None:
            raise SqtvmError(
                f"energy mode marks time by a pin, and {board.name}'s board file names none",
                'add timestamp = { pin = "..." } to a board file of your own',
            )

    def definitions(self) -> tuple[str, ...]:
        """For CMake's command line."""
        if self.kind == "sqtvm":
            return ("-DSQTVM_HARNESS=sqtvm",)
        # Timing each layer would cost the runners' figures a little.
        return (
            f"-DSQTVM_HARNESS={self.kind}",
            f"-DSQTVM_MLPERF_MODEL={self.model}",
            f"-DSQTVM_MLPERF_MODE={self.mode}",
            "-DSQTVM_PROFILE=OFF",
        )


def mlperf_tiny(
    model: str | None, mode: Literal["performance", "energy"], input_shape: Sequence[int]
) -> Harness:
    """The runners' harness; model None: the benchmark whose reference network takes such inputs.

    input_shape: with a leading 1, channels last. Raises SqtvmError for an unknown benchmark, and
    where none takes such inputs.
    """
    chosen = model or _INPUTS.get(tuple(input_shape[1:]))
    if chosen is None:
        raise SqtvmError(
            f"no benchmark of MLPerf Tiny takes inputs of {' x '.join(map(str, input_shape[1:]))}",
            f"say which it stands for: --mlperf-model {' or '.join(MLPERF_MODELS)}",
        )
    if chosen not in MLPERF_MODELS:
        raise SqtvmError(
            f"{chosen!r} is no benchmark of MLPerf Tiny", f"benchmarks: {', '.join(MLPERF_MODELS)}"
        )
    return Harness("mlperf-tiny", chosen, mode)
