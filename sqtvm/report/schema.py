"""``report.json``: the keys, their types and units, checked on writing and on reading.

Fractions are between 0 and 1, times in milliseconds, sizes in bytes. ``None`` says that a figure
was not had (no board, no labels), never that it is zero.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

Fraction: TypeAlias = Annotated[float, Field(ge=0, le=1)]
Count: TypeAlias = Annotated[int, Field(ge=0)]
Amount: TypeAlias = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Bits: TypeAlias = Annotated[int, Field(ge=1, le=32)]
Source: TypeAlias = Literal["measured", "emulated", "modelled"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BoardPart(_Part):
    """The board as its file describes it."""

    name: str
    title: str
    core: str
    clock_hz: Annotated[int, Field(gt=0)]
    flash_bytes: Count
    ram_bytes: Count


class ModelPart(_Part):
    """The network as it was loaded; macs: multiply-accumulates of one inference."""

    name: str
    source: str
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    params: Count
    macs: Count


class DataPart(_Part):
    """Where the samples came from, and how many there were of each kind."""

    source: str
    evaluation_samples: Count
    calibration_source: str
    calibration_samples: Count
    training_source: str | None
    training_samples: Count


class AccuracyPart(_Part):
    """On all evaluation samples: the float model, then integer models, bit-exact to firmware.

    int8, uniform: every layer at the same bits, by bits; None without labels.
    """

    float_: Annotated[Fraction | None, Field(alias="float")]
    int8: Fraction | None
    allocated: Fraction | None
    uniform: dict[Literal["8", "4", "2"], Fraction | None]
    samples: Count

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class LayerPart(_Part):
    """One operator, in execution order.

    weight_bits, sigma, kl: of layers with weights; kl: nats, at the chosen bits; sensitivity: nats
    by bits, what the layer alone at these bits adds to the divergence of the network's outputs,
    below zero by chance only, empty where nothing had to be compared; ram_bytes: of the workspace,
    what is alive while the layer runs, None for a layer that is no call; instructions: exact,
    emulator only; est_cycles: by totals.cycle_model; measured_cycles: boards only; ms: of
    measured_cycles where there are any, of est_cycles otherwise.
    """

    name: str
    op: str
    output_shape: tuple[int, ...]
    weight_bits: Bits | None
    act_bits: Bits
    params: Count
    macs: Count
    weight_bytes: Count
    sigma: Amount | None
    kl: Amount | None
    sensitivity: dict[Literal["8", "4", "2"], float] = {}
    ram_bytes: Count | None = None
    instructions: Count | None
    est_cycles: Amount | None
    measured_cycles: Count | None
    ms: Amount | None


class MemoryPart(_Part):
    """What lies where in flash and RAM, bytes."""

    flash_weights: Count
    flash_code: Count
    flash_other: Count
    ram_workspace: Count
    ram_static: Count
    ram_stack: Count


class PiecePart(_Part):
    """A section of the image; origin: its address."""

    name: str
    kind: Literal["weights", "code", "constants", "workspace", "data", "stack"]
    origin: Count
    size: Count


class RegionPart(_Part):
    """One memory of the board and what the image puts there, by rising address. Initialised data
    has two pieces, one in flash and one in RAM; the stack's is what is reserved."""

    name: str
    kind: str
    origin: Count
    size: Count
    pieces: tuple[PiecePart, ...]


class TensorPart(_Part):
    """A tensor in the workspace: from ``offset`` on, from layer number ``first`` to ``last``."""

    name: str
    kind: Literal["input", "output", "scratch"]
    offset: Count
    size: Count
    first: Count
    last: Count


class TotalsPart(_Part):
    """One inference of the firmware that was kept.

    weight_bytes: of the packed weights alone; uniform_weight_bytes: the same with every layer at
    the same bits, by bits; flash_bytes, ram_bytes: everything, the sums of ``memory``.
    """

    ms: Amount
    ms_source: Source
    instructions: Count | None
    est_cycles: Amount | None
    cycle_model: str | None
    measured_cycles: Count | None
    flash_bytes: Count
    weight_bytes: Count
    uniform_weight_bytes: dict[Literal["8", "4", "2"], Count]
    ram_bytes: Count
    memory: MemoryPart
    energy_mj: Amount | None
    energy_source: Source | None
    energy_detail: str = ""


class BudgetPart(_Part):
    """The limits that were asked for; max_drop in points of accuracy against the float model."""

    ms: Amount | None
    flash_bytes: Count | None
    ram_bytes: Count | None
    max_drop: Amount | None
    energy_mj: Amount | None = None
    bops: Count | None = None


class VerdictPart(_Part):
    """One limit against what was had; reached is None where it could not be had."""

    budget: Literal["time", "flash", "RAM", "energy", "bit operations", "accuracy drop"]
    limit: Amount
    reached: float | None
    unit: Literal["ms", "bytes", "mJ", "operations", "points"]
    source: str
    holds: bool


class VerificationPart(_Part):
    """Outputs of the firmware against the integer reference; equal_bytes: no byte differed."""

    samples: Count
    equal_bytes: bool
    first_difference: str


class CostPart(_Part):
    """What an allocation was predicted to cost."""

    ms: Amount
    flash_bytes: Count
    ram_bytes: Count
    weight_bytes: Count


class DecisionPart(_Part):
    """One change of one layer's bits on the way to an allocation.

    sigma, cluster: of the layer's weights, 0 the narrowest cluster; costs are predicted. A trial
    that was not kept has an entry for each layer that it would have changed, with the cost and
    the accuracy of the whole trial.
    """

    layer: str
    sigma: Amount
    cluster: Count
    bits_before: Bits
    bits_after: Bits
    reason: str
    kl_before: Amount
    kl_after: Amount
    cost_before: CostPart
    cost_after: CostPart
    accuracy: Fraction | None
    kept: bool


class IterationPart(_Part):
    """One round of the loop: what was predicted, then what the firmware took."""

    number: Annotated[int, Field(ge=1)]
    weight_bits: dict[str, Bits]
    method: str
    kernel_style: str
    predicted: CostPart
    predicted_source: str
    ms: Amount
    ms_source: Source
    flash_bytes: Count
    ram_bytes: Count
    accuracy: Fraction | None
    energy_mj: Amount | None = None
    failing: tuple[str, ...]
    kept: bool
    decisions: tuple[DecisionPart, ...]


class FrontPart(_Part):
    """One allocation that was measured; on_front: none other is as good in all of accuracy, time,
    flash, RAM and energy and better in one; accuracy: on the samples that guide the search."""

    label: str
    weight_bits: dict[str, Bits]
    kernel_style: str
    accuracy: Fraction | None
    ms: Amount
    ms_source: Source
    flash_bytes: Count
    ram_bytes: Count
    energy_mj: Amount | None
    on_front: bool
    kept: bool


class SettingsPart(_Part):
    """All that is needed to repeat the deployment."""

    command: str
    model: str
    data: str
    calibration: str | None
    training: str | None
    board: str
    measure: str
    meter: str | None = None
    method: str
    fine_tune: bool | None
    verify_samples: Count
    candidates: Count = 0
    executor: str = "local"
    out: str


class Report(_Part):
    """A whole deployment."""

    schema_version: Literal[1] = 1
    created: datetime
    board: BoardPart
    model: ModelPart
    data: DataPart
    accuracy: AccuracyPart
    layers: tuple[LayerPart, ...]
    totals: TotalsPart
    budget: BudgetPart
    equalized: bool = False
    fine_tuned: bool
    adaptive_rounding: bool = False
    met: bool
    verdicts: tuple[VerdictPart, ...]
    verification: VerificationPart | None
    iterations: tuple[IterationPart, ...]
    front: tuple[FrontPart, ...] = ()
    memory_map: tuple[RegionPart, ...] = ()
    workspace: tuple[TensorPart, ...] = ()
    settings: SettingsPart
    tool_versions: dict[str, str]
    seed: Count

    @model_validator(mode="after")
    def _consistent(self) -> Report:
        if self.met != all(verdict.holds for verdict in self.verdicts):
            raise ValueError("met is not what the verdicts say")
        if sum(iteration.kept for iteration in self.iterations) > 1:
            raise ValueError("more than one iteration is marked as kept")
        return self
