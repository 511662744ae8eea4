"""The core's own registers at 0xE0000000: system control block, debug, trace, caches."""

from __future__ import annotations

from collections.abc import Callable

from tests.firmware.virtual.bus import Peripheral, Time

DWT_CTRL, DWT_CYCCNT, DWT_LAR = 0x1000, 0x1004, 0x1FB0
SYST_CSR, SYST_RVR, SYST_CVR = 0xE010, 0xE014, 0xE018
ICSR, VTOR, AIRCR, CCR = 0xED04, 0xED08, 0xED0C, 0xED14
CFSR, HFSR, MMFAR, BFAR = 0xED28, 0xED2C, 0xED34, 0xED38
CCSIDR, CSSELR, CPACR, DEMCR = 0xED80, 0xED84, 0xED88, 0xEDFC
MPU_TYPE, MPU_CTRL, MPU_RNR, MPU_RBAR, MPU_RASR = 0xED90, 0xED94, 0xED98, 0xED9C, 0xEDA0
ICIALLU, DCISW = 0xEF50, 0xEF60

CCR_IC, CCR_DC = 1 << 17, 1 << 16
TRCENA, CYCCNTENA = 1 << 24, 1
UNLOCK = 0xC5ACCE55
VECTKEY, SYSRESETREQ = 0x05FA, 1 << 2
# Every Cortex-M7's data cache has four ways with lines of 32 bytes.
WAYS, LINE_BYTES = 4, 32


class SystemControl(Peripheral):
    """data_cache_bytes: 0 where there is none; on_reset is called where the firmware asks for a
    reset."""

    reset_values = dict.fromkeys(
        (
            *(DWT_CTRL, DWT_CYCCNT, DWT_LAR),
            *(SYST_CSR, SYST_RVR, SYST_CVR),
            *(ICSR, VTOR, AIRCR, CCR, CFSR, HFSR, MMFAR, BFAR),
            *(CCSIDR, CSSELR, CPACR, DEMCR),
            *(MPU_TYPE, MPU_CTRL, MPU_RNR, MPU_RBAR, MPU_RASR),
            *(ICIALLU, DCISW),
        ),
        0,
    )

    def __init__(self, time: Time, data_cache_bytes: int, on_reset: Callable[[], None]) -> None:
        self._time = time
        self._cached = data_cache_bytes > 0
        self._sets = data_cache_bytes // (WAYS * LINE_BYTES)
        self._on_reset = on_reset
        super().__init__("the system control space")

    def reset(self) -> None:
        super().reset()
        self.registers[MPU_TYPE] = 8 << 8
        # The trace unit of the Cortex-M7 is locked, that of the Cortex-M4 is not.
        self._unlocked = not self._cached
        self._count_from: int | None = None
        self._next_tick: int | None = None
        self._instructions_invalidated = False
        self._invalidated: set[tuple[int, int]] = set()
        self.mpu_regions: dict[int, tuple[int, int]] = {}

    def read(self, offset: int) -> int:
        if offset == DWT_CYCCNT and self._count_from is not None:
            return (self._time.cycles - self._count_from) & 0xFFFFFFFF
        if offset == CCSIDR:
            self.require(self._cached, "there is no cache to describe")
            self.require(self.registers[CSSELR] == 0, "CSSELR selects no level 1 data cache")
            return ((self._sets - 1) << 13) | ((WAYS - 1) << 3) | (LINE_BYTES.bit_length() - 5)
        return super().read(offset)

    def write(self, offset: int, value: int) -> None:
        if offset in (DWT_CTRL, DWT_CYCCNT):
            self._write_trace(offset, value)
            return
        if offset == DWT_LAR:
            self._unlocked = self._unlocked or value == UNLOCK
        elif offset == AIRCR:
            self.require(value >> 16 == VECTKEY, "AIRCR is written without its key")
            if value & SYSRESETREQ:
                self._on_reset()
        elif offset == ICIALLU:
            self._instructions_invalidated = True
        elif offset == DCISW:
            way_shift = 32 - (WAYS - 1).bit_length()
            self._invalidated.add((value >> way_shift, (value & 0xFFFF) >> 5))
        elif offset == SYST_CSR:
            self.require(value in (0, 7), "SysTick is neither off nor on with its interrupt")
            self._next_tick = self._time.cycles + self.registers[SYST_RVR] + 1 if value else None
        elif offset == CCR:
            self._enable_caches(value)
        elif offset == MPU_RASR:
            base = self.registers[MPU_RBAR]
            number = base & 15 if base & 16 else self.registers[MPU_RNR]
            self.mpu_regions[number] = (base & ~31, value)
        super().write(offset, value)

    def tick_is_pending(self) -> bool:
        return self._next_tick is not None and self._time.cycles >= self._next_tick

    def tick_is_due(self) -> bool:
        """Once for every time that SysTick reaches 0."""
        due = self.tick_is_pending()
        if due:
            self._next_tick = self._time.cycles + self.registers[SYST_RVR] + 1
        return due

    def _write_trace(self, offset: int, value: int) -> None:
        self.require(bool(self.registers[DEMCR] & TRCENA), "the trace unit is used without TRCENA")
        if not self._unlocked:
            return
        super().write(offset, value)
        if offset == DWT_CTRL:
            counting = bool(value & CYCCNTENA)
            self._count_from = self._time.cycles if counting else None

    def _enable_caches(self, value: int) -> None:
        if not value & (CCR_IC | CCR_DC):
            return
        self.require(self._cached, "this core has no caches")
        if value & CCR_IC:
            self.require(self._instructions_invalidated, "instruction cache on before invalidating")
        if value & CCR_DC:
            everything = {(way, line) for way in range(WAYS) for line in range(self._sets)}
            self.require(
                self._invalidated == everything,
                f"data cache on after invalidating {len(self._invalidated)} of its lines",
            )
