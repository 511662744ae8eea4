"""Reports to show and to write, without deploying anything. Their figures mean nothing."""

from __future__ import annotations

from datetime import UTC, datetime

from sqtvm.report import schema

# name, operator, output shape, bits, parameters, MACs
_LAYERS = (
    ("stem.conv", "conv2d", (16, 28, 28), 8, 160, 112_896),
    ("stack1.conv1", "conv2d", (16, 28, 28), 4, 2320, 1_806_336),
    ("stack1.conv2", "conv2d", (16, 28, 28), 8, 2320, 1_806_336),
    ("stack1.add", "add", (16, 28, 28), None, 0, 0),
    ("stack2.conv1", "conv2d", (32, 14, 14), 4, 4640, 903_168),
    ("stack2.conv2", "conv2d", (32, 14, 14), 4, 9248, 1_806_336),
    ("stack2.shortcut", "pointwise_conv2d", (32, 14, 14), 8, 544, 100_352),
    ("stack2.add", "add", (32, 14, 14), None, 0, 0),
    ("stack3.conv1", "conv2d", (64, 7, 7), 2, 18_496, 903_168),
    ("stack3.conv2", "conv2d", (64, 7, 7), 2, 36_928, 1_806_336),
    ("stack3.shortcut", "pointwise_conv2d", (64, 7, 7), 4, 2112, 100_352),
    ("stack3.add", "add", (64, 7, 7), None, 0, 0),
    ("pool", "avg_pool2d", (64, 1, 1), None, 0, 0),
    ("flatten", "flatten", (64,), None, 0, 0),
    ("classifier", "linear", (10,), 8, 650, 640),
)
_CLOCK_HZ = 216_000_000


def layer(
    name: str, op: str, shape: tuple[int, ...], bits: int | None, params: int, macs: int
) -> schema.LayerPart:
    cycles = macs + 20_000.0
    return schema.LayerPart(
        name=name,
        op=op,
        output_shape=shape,
        weight_bits=bits,
        act_bits=8,
        params=params,
        macs=macs,
        weight_bytes=params * (bits or 0) // 8,
        sigma=0.31 if bits else None,
        kl=0.8 / bits if bits else None,
        instructions=round(cycles * 1.1),
        est_cycles=cycles,
        measured_cycles=None,
        ms=cycles / _CLOCK_HZ * 1e3,
        sensitivity={"4": 0.002 / (bits or 1), "2": 0.04} if bits else {},
        ram_bytes=None if op == "flatten" else 2 * shape[0] * (shape[1] ** 2 if shape[1:] else 1),
    )


def _memory_map() -> tuple[schema.RegionPart, ...]:
    def piece(name: str, kind: str, origin: int, size: int) -> schema.PiecePart:
        return schema.PiecePart.model_validate(
            {"name": name, "kind": kind, "origin": origin, "size": size}
        )

    flash = (
        piece("code", "code", 0x0800_0000, 14_200),
        piece("weights", "weights", 0x0800_3780, 26_000),
    )
    dtcm = (
        piece("stack", "stack", 0x2000_0000, 4096),
        piece("workspace", "workspace", 0x2000_1000, 28_160),
        piece("zeroed data", "data", 0x2000_7E00, 2112),
    )
    return (
        schema.RegionPart(
            name="flash", kind="flash", origin=0x0800_0000, size=1 << 20, pieces=flash
        ),
        schema.RegionPart(name="dtcm", kind="ram", origin=0x2000_0000, size=1 << 16, pieces=dtcm),
        schema.RegionPart(name="sram", kind="ram", origin=0x2001_0000, size=1 << 18, pieces=()),
    )


def _workspace() -> tuple[schema.TensorPart, ...]:
    rows = (
        ("input", "input", 12_544, 784, 0, 0),
        ("stem.conv", "output", 0, 12_544, 0, 3),
        ("stack1.conv1", "scratch", 27_000, 1160, 1, 1),
        ("stack1.conv1", "output", 12_544, 12_544, 1, 2),
        ("classifier", "scratch", 0, 64, 14, 14),
    )
    keys = ("name", "kind", "offset", "size", "first", "last")
    return tuple(
        schema.TensorPart.model_validate(dict(zip(keys, row, strict=True))) for row in rows
    )


def _front(bits: dict[str, int], ms: float, flash: int, labelled: bool) -> schema.FrontPart:
    return schema.FrontPart(
        label=f"round {1 + (ms < 50)}",
        weight_bits=bits,
        kernel_style="fast",
        accuracy=0.912 if labelled else None,
        ms=ms,
        ms_source="emulated",
        flash_bytes=flash,
        ram_bytes=31_016,
        energy_mj=None,
        on_front=ms < 50,
        kept=ms < 50,
    )


def report(
    *,
    limit_ms: float | None = 50.0,
    limit_flash: int | None = 61_440,
    model: str = "resnet8",
    labelled: bool = True,
) -> schema.Report:
    """A report whose time is about 45 ms and whose flash is about 48 KiB."""
    layers = tuple(layer(*fields) for fields in _LAYERS)
    weights = sum(part.weight_bytes for part in layers)
    params = sum(part.params for part in layers)
    ms = 45.12
    memory = schema.MemoryPart(
        flash_weights=weights,
        flash_code=14_200,
        flash_other=900,
        ram_workspace=28_160,
        ram_static=2112,
        ram_stack=744,
    )
    flash, ram = weights + 15_100, 31_016
    verdicts = []
    if limit_ms is not None:
        verdicts.append(
            schema.VerdictPart(
                budget="time",
                limit=limit_ms,
                reached=ms,
                unit="ms",
                source="emulated",
                holds=ms <= limit_ms,
            )
        )
    if limit_flash is not None:
        verdicts.append(
            schema.VerdictPart(
                budget="flash",
                limit=limit_flash,
                reached=flash,
                unit="bytes",
                source="linked image",
                holds=flash <= limit_flash,
            )
        )
    bits = {part.name: part.weight_bits for part in layers if part.weight_bits is not None}
    cost = schema.CostPart(ms=44.0, flash_bytes=flash, ram_bytes=ram, weight_bytes=weights)
    decision = schema.DecisionPart(
        layer="stack3.conv2",
        sigma=0.31,
        cluster=1,
        bits_before=4,
        bits_after=2,
        reason="frees the most bytes for the least divergence",
        kl_before=0.2,
        kl_after=0.41,
        cost_before=cost.model_copy(update={"flash_bytes": flash + 9216}),
        cost_after=cost,
        accuracy=0.91 if labelled else None,
        kept=True,
    )
    iterations = tuple(
        schema.IterationPart(
            number=number,
            weight_bits=dict.fromkeys(bits, 8) if number == 1 else bits,
            method="sigmaquant",
            kernel_style="fast",
            predicted=cost,
            predicted_source="modelled" if number == 1 else "emulated",
            ms=ms + 10 * (2 - number),
            ms_source="emulated",
            flash_bytes=flash,
            ram_bytes=ram,
            accuracy=0.912 if labelled else None,
            failing=("time: 55.12 ms, wanted at most 50 ms",) if number == 1 else (),
            kept=number == 2,
            decisions=(decision,),
        )
        for number in (1, 2)
    )
    return schema.Report(
        created=datetime(2026, 11, 23, 12, 0, tzinfo=UTC),
        board=schema.BoardPart(
            name="stm32f746",
            title="STM32F746G-DISCO (STM32F746NG), Cortex-M7 at 216 MHz",
            core="cortex-m7",
            clock_hz=_CLOCK_HZ,
            flash_bytes=1 << 20,
            ram_bytes=320 * 1024,
        ),
        model=schema.ModelPart(
            name=model,
            source="resnet8:trained",
            input_shape=(1, 28, 28),
            output_shape=(10,),
            params=params,
            macs=sum(part.macs for part in layers),
        ),
        data=schema.DataPart(
            source="resnet8:evaluation",
            evaluation_samples=10_000,
            calibration_source="resnet8:calibration",
            calibration_samples=256,
            training_source="resnet8:training",
            training_samples=60_000,
        ),
        accuracy=schema.AccuracyPart(
            float_=0.9165 if labelled else None,
            int8=0.9163 if labelled else None,
            allocated=0.9121 if labelled else None,
            uniform={"8": 0.9163, "4": 0.8842, "2": 0.1} if labelled else {},
            samples=10_000 if labelled else 0,
        ),
        layers=layers,
        totals=schema.TotalsPart(
            ms=ms,
            ms_source="emulated",
            instructions=10_300_000,
            est_cycles=9_745_920.0,
            cycle_model="cortex-m7-rate v1",
            measured_cycles=None,
            flash_bytes=flash,
            weight_bytes=weights,
            uniform_weight_bytes={"8": params, "4": params // 2, "2": params // 4},
            ram_bytes=ram,
            memory=memory,
            energy_mj=None,
            energy_source=None,
        ),
        budget=schema.BudgetPart(
            ms=limit_ms, flash_bytes=limit_flash, ram_bytes=None, max_drop=None
        ),
        fine_tuned=False,
        met=all(verdict.holds for verdict in verdicts),
        verdicts=tuple(verdicts),
        verification=schema.VerificationPart(samples=100, equal_bytes=True, first_difference=""),
        iterations=iterations,
        front=tuple(_front(bits, turn.ms, flash, labelled) for turn in iterations),
        memory_map=_memory_map(),
        workspace=_workspace(),
        settings=schema.SettingsPart(
            command="sqtvm deploy resnet8:trained --data resnet8:evaluation --board stm32f746 "
            "--budget-ms 50 --budget-flash 61440 --measure emulator --seed 0",
            model="resnet8:trained",
            data="resnet8:evaluation",
            calibration="resnet8:calibration",
            training="resnet8:training",
            board="stm32f746",
            measure="emulator",
            method="sigmaquant",
            fine_tune=False,
            verify_samples=100,
            out="sqtvm-out",
        ),
        tool_versions={"sqtvm": "0.1.0", "python": "3.11.2"},
        seed=0,
    )
