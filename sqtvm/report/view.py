"""What the page shows, computed from a Report: words, shares of bars and places of points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqtvm.report import numbers
from sqtvm.report.schema import LayerPart, Report, VerdictPart
from sqtvm.report.verdicts import accuracy_drop

SOURCES = {
    "measured": "read off the board's own cycle counter",
    "emulated": "exact instructions in an emulator, turned into cycles by a model",
    "modelled": "computed from a model, nothing ran",
}


_HOST = "integer model on the host"


@dataclass(frozen=True)
class Tile:
    """One figure against its limit; share: of the limit or of what the board has, for the bar,
    None where there is neither; holds: None where no limit was asked for."""

    name: str
    value: str
    against: str
    share: float | None
    holds: bool | None
    source: str


@dataclass(frozen=True)
class LayerRow:
    """Shares are of the largest layer's figure; sensitivity: at 4 bits, in nats."""

    part: LayerPart
    bits_share: float
    sigma_share: float
    kl_share: float
    sensitivity: float | None
    sensitivity_share: float
    ms_share: float
    weights_share: float
    ram_share: float


@dataclass(frozen=True)
class BitShare:
    """layers: how many have these bits; weights: their share of all weights."""

    bits: int
    layers: int
    weights: float


@dataclass(frozen=True)
class AccuracyRow:
    """lost: points against float, empty for float itself; kind: float, chosen or uniform."""

    name: str
    kind: str
    weights: str
    accuracy: float
    lost: str


@dataclass(frozen=True)
class Segment:
    """A piece of a memory bar; share: of what the board has."""

    name: str
    kind: str
    size: str
    share: float


@dataclass(frozen=True)
class MemoryBar:
    """limit_share: where the budget stands in the bar, None without one."""

    name: str
    used: str
    total: str
    segments: tuple[Segment, ...]
    limit_share: float | None


def board_name(report: Report) -> str:
    """The board's title without what stands in brackets behind it."""
    return report.board.title.partition(" (")[0]


def average_bits(report: Report) -> float:
    """Bits a weight, over all weights; 0 for a network without."""
    full = report.totals.uniform_weight_bytes["8"]
    return report.totals.weight_bytes / full * 8 if full else 0.0


def headline(report: Report) -> str:
    """The verdict in a few words."""
    failing = [verdict.budget for verdict in report.verdicts if not verdict.holds]
    if not report.verdicts:
        return "No budget was asked for"
    if not failing:
        return "✓ The budget holds" if len(report.verdicts) == 1 else "✓ All budgets hold"
    names = " and ".join(filter(None, (", ".join(failing[:-1]), failing[-1])))
    verb = "does" if len(failing) == 1 else "do"
    return f"✗ {names[:1].upper()}{names[1:]} {verb} not hold"


def tiles(report: Report) -> tuple[Tile, ...]:
    """Time, flash, RAM and accuracy, whether or not they had a limit; energy where it is known,
    bit operations where they had one."""
    by_budget = {verdict.budget: verdict for verdict in report.verdicts}
    totals, board = report.totals, report.board
    found = [
        _tile("Time", by_budget.get("time"), numbers.milliseconds(totals.ms), totals.ms_source),
        _tile(
            "Flash",
            by_budget.get("flash"),
            numbers.size(totals.flash_bytes),
            "linked image",
            totals.flash_bytes,
            board.flash_bytes,
        ),
        _tile(
            "RAM",
            by_budget.get("RAM"),
            numbers.size(totals.ram_bytes),
            "linked image and stack",
            totals.ram_bytes,
            board.ram_bytes,
        ),
    ]
    if totals.energy_mj is not None:
        value, source = numbers.millijoules(totals.energy_mj), totals.energy_source or ""
        found.append(_tile("Energy", by_budget.get("energy"), value, source))
    operations = by_budget.get("bit operations")
    if operations is not None and operations.reached is not None:
        value = numbers.count(operations.reached)
        found.append(_tile("Bit operations", operations, value, operations.source))
    lost = accuracy_drop(report.accuracy)
    if report.accuracy.allocated is not None and lost is not None:
        value = numbers.percent(report.accuracy.allocated)
        note = f"{numbers.points(-lost)} points against float"
        verdict = by_budget.get("accuracy drop")
        if verdict is None:
            found.append(Tile("Accuracy", value, note, report.accuracy.allocated, None, _HOST))
        else:
            share = max(lost, 0.0) / verdict.limit if verdict.limit else float(lost > 0)
            note += f", at most {verdict.limit:g} lost"
            found.append(Tile("Accuracy", value, note, share, verdict.holds, _HOST))
    return tuple(found)


def _tile(
    name: str,
    verdict: VerdictPart | None,
    value: str,
    source: str,
    used: float = 0.0,
    capacity: int = 0,
) -> Tile:
    if verdict is not None and verdict.reached is not None:
        write = {"bytes": numbers.size, "mJ": _plain_mj, "operations": numbers.count}.get(
            verdict.unit, _plain_ms
        )
        against = f"of at most {write(verdict.limit)}"
        share = verdict.reached / verdict.limit if verdict.limit else 1.0
        return Tile(name, value, against, share, verdict.holds, source)
    if capacity:
        against = f"of the board's {numbers.size(capacity)}"
        return Tile(name, value, against, used / capacity, None, source)
    return Tile(name, value, "no limit asked for", None, None, source)


def _plain_ms(ms: float) -> str:
    return f"{ms:g} ms"


def _plain_mj(mj: float) -> str:
    return f"{mj:g} mJ"


def layer_rows(report: Report) -> tuple[LayerRow, ...]:
    layers = report.layers
    sensitivity = [layer.sensitivity.get("4") for layer in layers]
    sigma, kl, nats, ms, weights, ram = (
        _shares(figures)
        for figures in (
            [layer.sigma for layer in layers],
            [layer.kl for layer in layers],
            sensitivity,
            [layer.ms for layer in layers],
            [layer.weight_bytes for layer in layers],
            [layer.ram_bytes for layer in layers],
        )
    )
    return tuple(
        LayerRow(
            part=layer,
            bits_share=(layer.weight_bits or 0) / 8,
            sigma_share=sigma[i],
            kl_share=kl[i],
            sensitivity=sensitivity[i],
            sensitivity_share=nats[i],
            ms_share=ms[i],
            weights_share=weights[i],
            ram_share=ram[i],
        )
        for i, layer in enumerate(layers)
    )


def bit_shares(report: Report) -> tuple[BitShare, ...]:
    """Of 8, 4 and 2 bits."""
    weighted = [layer for layer in report.layers if layer.weight_bits]
    whole = sum(layer.params for layer in weighted) or 1
    found = []
    for bits in (8, 4, 2):
        these = [layer.params for layer in weighted if layer.weight_bits == bits]
        found.append(BitShare(bits, len(these), sum(these) / whole))
    return tuple(found)


def _shares(figures: Sequence[float | None]) -> list[float]:
    """Of the largest; 0 for what is unknown, or below zero by chance."""
    largest = max((figure or 0.0 for figure in figures), default=0.0)
    return [max(figure or 0.0, 0.0) / largest if largest > 0 else 0.0 for figure in figures]


def accuracy_rows(report: Report) -> tuple[AccuracyRow, ...]:
    """Float, the chosen bits, then every layer at 8, 4 and 2 bits; what is unknown is left out."""
    accuracy, totals = report.accuracy, report.totals
    whole = accuracy.float_
    if whole is None:
        return ()
    rows = [
        AccuracyRow("Float", "float", numbers.size(totals.uniform_weight_bytes["8"] * 4), whole, "")
    ]
    chosen = f"Chosen, {average_bits(report):.1f} bits on average"
    candidates = [(chosen, "chosen", totals.weight_bytes, accuracy.allocated)]
    for bits, found in accuracy.uniform.items():
        size = totals.uniform_weight_bytes[bits]
        candidates.append((f"All layers at {bits} bits", "uniform", size, found))
    for name, kind, size, value in candidates:
        if value is not None:
            lost = numbers.points((value - whole) * 100)
            rows.append(AccuracyRow(name, kind, numbers.size(size), value, lost))
    return tuple(rows)


def memory_bars(report: Report) -> tuple[MemoryBar, ...]:
    memory, board, budget = report.totals.memory, report.board, report.budget
    flash = (
        ("weights", "a", memory.flash_weights),
        ("code", "b", memory.flash_code),
        ("other", "c", memory.flash_other),
    )
    ram = (
        ("workspace", "a", memory.ram_workspace),
        ("static", "b", memory.ram_static),
        ("stack", "c", memory.ram_stack),
    )
    return (
        _memory_bar("Flash", flash, board.flash_bytes, budget.flash_bytes),
        _memory_bar("RAM", ram, board.ram_bytes, budget.ram_bytes),
    )


def _memory_bar(
    name: str, pieces: tuple[tuple[str, str, int], ...], capacity: int, limit: int | None
) -> MemoryBar:
    used = sum(size for _, _, size in pieces)
    whole = max(capacity, used, 1)
    segments = tuple(
        Segment(piece, kind, numbers.size(size), size / whole) for piece, kind, size in pieces
    )
    within = None if limit is None or limit > whole else limit / whole
    return MemoryBar(name, numbers.size(used), numbers.size(capacity), segments, within)
