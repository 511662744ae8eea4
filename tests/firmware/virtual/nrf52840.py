"""The nRF52840 on its development kit, as far as the firmware touches it (nRF52840 Product
Specification; chip revision and debug port: Nordic's system_nrf52_approtect.h)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType

from unicorn.arm_const import UC_CPU_ARM_CORTEX_M4

from tests.firmware.virtual.board import KB, LineToBoard, read_intel_hex
from tests.firmware.virtual.bus import Mapped, Peripheral, Time
from tests.firmware.virtual.core import Core, Memory

HZ = 64_000_000
_START_CYCLES = 1000
_IDLE_POLLS = 4
_FIFO_BYTES = 6
# By the value of BAUDRATE.
_RATES = {0x00275000: 9600, 0x01D7E000: 115200, 0x0EBED000: 921600}
_TX_PIN, _RX_PIN = 6, 8


class Clock(Peripheral):
    """CLOCK, and APPROTECT at the same base; crystal: whether the board has one."""

    HFCLKSTART, HFCLKSTARTED, DISABLE = 0x000, 0x100, 0x558
    reset_values = MappingProxyType({HFCLKSTART: 0, HFCLKSTARTED: 0, DISABLE: 0})

    def __init__(self, time: Time, crystal: bool) -> None:
        self._time = time
        self._crystal = crystal
        super().__init__("CLOCK")

    def reset(self) -> None:
        super().reset()
        self._started_at: int | None = None
        self._time.hz = HZ

    @property
    def on_crystal(self) -> bool:
        return self._started_at is not None and self._time.cycles >= self._started_at

    def read(self, offset: int) -> int:
        return int(self.on_crystal) if offset == self.HFCLKSTARTED else super().read(offset)

    def write(self, offset: int, value: int) -> None:
        if offset == self.HFCLKSTART and self._crystal:
            self._started_at = self._time.cycles + _START_CYCLES
        super().write(offset, value)


class Port(Peripheral):
    OUT, OUTSET, OUTCLR, PIN_CNF = 0x504, 0x508, 0x50C, 0x700
    reset_values = MappingProxyType(
        {OUT: 0, OUTSET: 0, OUTCLR: 0} | {0x700 + 4 * pin: 2 for pin in range(32)}
    )

    def write(self, offset: int, value: int) -> None:
        if offset == self.OUTSET:
            self.registers[self.OUT] |= value
        elif offset == self.OUTCLR:
            self.registers[self.OUT] &= ~value
        else:
            super().write(offset, value)

    def configuration(self, pin: int) -> int:
        return self.registers[self.PIN_CNF + 4 * pin]


class Uart(Peripheral):
    """Bytes take their time on the line, as in ``stm32_io.Usart``; six wait in a buffer."""

    STARTRX, STARTTX, RXDRDY, TXDRDY = 0x000, 0x008, 0x108, 0x11C
    ENABLE, PSEL_TXD, PSEL_RXD, RXD, TXD = 0x500, 0x50C, 0x514, 0x518, 0x51C
    BAUDRATE, CONFIG = 0x524, 0x56C
    reset_values = MappingProxyType(
        {STARTRX: 0, STARTTX: 0, RXDRDY: 0, TXDRDY: 0, ENABLE: 0, PSEL_TXD: 0xFFFFFFFF}
        | {PSEL_RXD: 0xFFFFFFFF, RXD: 0, TXD: 0, BAUDRATE: 0x04000000, CONFIG: 0}
    )

    def __init__(self, time: Time, port: Port, baud: int, on_idle: Callable[[], None]) -> None:
        self._time = time
        self._port = port
        self._baud = baud
        self._on_idle = on_idle
        self.sent = bytearray()
        self.to_receive: deque[int] = deque()
        self.overruns = 0
        super().__init__("UART")

    def reset(self) -> None:
        super().reset()
        self._buffer: deque[int] = deque()
        self._shifting_until: int | None = None
        self._next_arrival = 0
        self._idle_polls = 0

    def read(self, offset: int) -> int:
        self._settle()
        if offset == self.RXD:
            byte = self._buffer.popleft() if self._buffer else 0
            # The next byte in the buffer raises the event again.
            self.registers[self.RXDRDY] = int(bool(self._buffer))
            return byte
        if offset == self.RXDRDY and not self.registers[offset]:
            self._skip()
        elif offset == self.TXDRDY and self._shifting_until is not None:
            self._time.cycles = max(self._time.cycles, self._shifting_until)
            self._settle()
        return super().read(offset)

    def write(self, offset: int, value: int) -> None:
        if offset == self.ENABLE:
            self.require(value == 4, f"ENABLE is {value}")
            self._check_line()
        elif offset in (self.STARTRX, self.STARTTX):
            self.require(self.registers[self.ENABLE] == 4, "it is started while it is off")
        elif offset == self.TXD:
            self.require(self.registers[self.STARTTX] == 1, "it sends before it is started")
            self.require(self._shifting_until is None, "a byte is written before TXDRDY")
            self.sent.append(value & 0xFF)
            self._shifting_until = self._time.cycles + self._byte_cycles()
            self._idle_polls = 0
        super().write(offset, value)

    def _check_line(self) -> None:
        rate = _RATES.get(self.registers[self.BAUDRATE])
        self.require(rate == self._baud, f"{rate} baud, not {self._baud}")
        pins = (self.registers[self.PSEL_TXD], self.registers[self.PSEL_RXD])
        self.require(pins == (_TX_PIN, _RX_PIN), f"the line is on the pins {pins}")
        self.require(self._port.configuration(_TX_PIN) & 1 == 1, "the pin that sends is no output")
        high = self._port.registers[Port.OUT] >> _TX_PIN & 1
        self.require(high == 1, "the pin that sends is low before the UART takes it")
        receives = self._port.configuration(_RX_PIN)
        self.require(receives & 3 == 0, "the pin that receives has no input")

    def _byte_cycles(self) -> int:
        return 10 * HZ // self._baud

    def _settle(self) -> None:
        if self._shifting_until is not None and self._time.cycles >= self._shifting_until:
            self._shifting_until = None
            self.registers[self.TXDRDY] = 1
        listening = self.registers[self.STARTRX] == 1
        while self.to_receive and listening and self._time.cycles >= self._next_arrival:
            byte = self.to_receive.popleft()
            if len(self._buffer) < _FIFO_BYTES:
                self._buffer.append(byte)
            else:
                self.overruns += 1
            self.registers[self.RXDRDY] = 1
            self._next_arrival = max(self._next_arrival, self._time.cycles) + self._byte_cycles()

    def _skip(self) -> None:
        if self.to_receive and self.registers[self.STARTRX] == 1:
            self._time.cycles = max(self._time.cycles, self._next_arrival)
            self._idle_polls = 0
            self._settle()
            return
        self._idle_polls += 1
        if self._idle_polls >= _IDLE_POLLS:
            self._on_idle()


class Information(Peripheral):
    """FICR and UICR, which nothing resets."""

    CHIP, REVISION, APPROTECT = 0x130, 0x134, 0x1208


class VirtualNrf52840(LineToBoard):
    """revision: 5 and above close the debug port at a reset; approtect: what UICR holds."""

    def __init__(
        self, image: Path, crystal: bool = True, revision: int = 5, approtect: int = 0x5A
    ) -> None:
        self.address = "virtual board"
        memories = (
            Memory((0x0000_0000,), 1024 * KB, read_only=True),
            Memory((0x2000_0000,), 256 * KB),
        )
        self.core = Core(UC_CPU_ARM_CORTEX_M4, memories, read_intel_hex(image), 0, 0)
        time = self.core.time
        self.clock = Clock(time, crystal)
        self.ports = [Port("P0"), Port("P1")]
        self.usart = Uart(time, self.ports[0], 115200, self.core.pause)
        self.cache = Peripheral("NVMC")
        self.cache.reset_values = {0x540: 0}
        self.cache.reset()
        information = Information("FICR and UICR")
        information.reset_values = {
            Information.CHIP: 8,
            Information.REVISION: revision,
            Information.APPROTECT: approtect,
        }
        information.reset()
        self.core.connect((0x1000_0000, 0x2000), [Mapped(0x1000_0000, 0x2000, information)])
        peripherals = (
            (0x4000_0000, self.clock),
            (0x4000_2000, self.usart),
            (0x4001_E000, self.cache),
        )
        self.core.connect(
            (0x4000_0000, 0x2_0000),
            [Mapped(base, 0x1000, peripheral) for base, peripheral in peripherals],
        )
        self.core.connect(
            (0x5000_0000, 0x1000),
            [
                # Their registers begin at 0x504 from these.
                Mapped(0x5000_0000, 0x800, self.ports[0]),
                Mapped(0x5000_0300, 0xD00, self.ports[1]),
            ],
        )
