"""The virtual boards, and the line to them that a session opens."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Protocol

from unicorn.arm_const import UC_CPU_ARM_CORTEX_M4, UC_CPU_ARM_CORTEX_M7

from tests.firmware.virtual import stm32_clock, stm32_io
from tests.firmware.virtual.bus import Mapped
from tests.firmware.virtual.core import Core, Memory
from tests.firmware.virtual.stm32_clock import AHB1ENR, APB1ENR, APB2ENR, Clock
from tests.firmware.virtual.stm32_rcc import Oscillator

KB = 1024


@dataclass(frozen=True)
class Wiring:
    """A pin of the serial line: port by number, and the alternate function that is the USART."""

    port: int
    pin: int
    function: int


@dataclass(frozen=True)
class Part:
    """A microcontroller on its board, from the manuals that the models name."""

    cpu: int
    data_cache_bytes: int
    memories: tuple[Memory, ...]
    boot_address: int
    limits: stm32_clock.Limits | None
    oscillator: Oscillator
    usart_base: int
    usart_registers: stm32_io.Registers
    usart_enable: tuple[int, int]
    sends: Wiring
    receives: Wiring
    ports: int = 8


# RM0385 2.2 (memory map, ports A to K) and 2.6 (boots from the flash on the ITCM bus as it leaves
# the factory); UM1907: crystal of 25 MHz, virtual COM port on PA9 and PB7.
STM32F746_DISCOVERY = Part(
    cpu=UC_CPU_ARM_CORTEX_M7,
    data_cache_bytes=4 * KB,
    memories=(
        Memory((0x0800_0000, 0x0020_0000), 1024 * KB, read_only=True),
        Memory((0x2000_0000,), 64 * KB),
        Memory((0x2001_0000,), 240 * KB),
        Memory((0x2004_C000,), 16 * KB),
        Memory((0x0000_0000,), 16 * KB),
    ),
    boot_address=0x0020_0000,
    limits=stm32_clock.STM32F746,
    oscillator=Oscillator(25_000_000, bypass=False),
    usart_base=0x4001_1000,
    usart_registers=stm32_io.V2,
    usart_enable=(APB2ENR, 4),
    sends=Wiring(0, 9, 7),
    receives=Wiring(1, 7, 7),
    ports=11,
)
# UM1974: 8 MHz from the ST-LINK, virtual COM port on PD8 and PD9.
STM32F746_NUCLEO = replace(
    STM32F746_DISCOVERY,
    oscillator=Oscillator(8_000_000, bypass=True),
    usart_base=0x4000_4800,
    usart_enable=(APB1ENR, 18),
    sends=Wiring(3, 8, 7),
    receives=Wiring(3, 9, 7),
)
# RM0390 2.2 (memory map, flash aliased at 0); UM1724: 8 MHz from the ST-LINK, PA2 and PA3.
STM32F446_NUCLEO = Part(
    cpu=UC_CPU_ARM_CORTEX_M4,
    data_cache_bytes=0,
    memories=(
        Memory((0x0800_0000, 0x0000_0000), 512 * KB, read_only=True),
        Memory((0x2000_0000,), 112 * KB),
        Memory((0x2001_C000,), 16 * KB),
    ),
    boot_address=0x0000_0000,
    limits=stm32_clock.STM32F446,
    oscillator=Oscillator(8_000_000, bypass=True),
    usart_base=0x4000_4400,
    usart_registers=stm32_io.V1,
    usart_enable=(APB1ENR, 17),
    sends=Wiring(0, 2, 7),
    receives=Wiring(0, 3, 7),
)


class SerialPort(Protocol):
    """What every model of one keeps."""

    sent: bytearray
    to_receive: deque[int]


class LineToBoard:
    """A line to what a virtual board's serial port sends, a ``Line`` of sqtvm.measure."""

    address: str
    core: Core
    usart: SerialPort

    def read(self, count: int) -> bytes:
        """What the firmware sent; it runs until it has nothing left to do."""
        if len(self.usart.sent) < count:
            self.core.run()
        # As long as a serial port waits for more, 30 ms.
        self.core.time.cycles += self.core.time.hz * 30 // 1000
        data = bytes(self.usart.sent[:count])
        del self.usart.sent[:count]
        return data

    def write(self, data: bytes) -> None:
        self.usart.to_receive.extend(data)

    def come_back(self, end: float) -> bool:
        """It never vanishes."""
        return True

    def close(self) -> None:
        pass


class VirtualStm32(LineToBoard):
    """A board with its image in flash and a line to its virtual COM port. The families differ in
    the clock, and in where the registers are.

    windows: of addresses in which registers lie; gpio: port A's address.
    """

    windows: ClassVar[tuple[tuple[int, int], ...]]
    gpio: ClassVar[int]
    gpio_enable: ClassVar[int]
    clock: Any

    def __init__(
        self, part: Part, image: Path, hse_starts: bool = True, baud: int = 115200
    ) -> None:
        self.address = "virtual board"
        self.core = Core(
            part.cpu, part.memories, read_intel_hex(image), part.boot_address, part.data_cache_bytes
        )
        mapped = self._build_clock(part, replace(part.oscillator, starts=hse_starts))
        mapped += self._build_io(part, baud)
        for base, size in self.windows:
            within = [one for one in mapped if base <= one.base < base + size]
            self.core.connect((base, size), within)

    def _build_clock(self, part: Part, oscillator: Oscillator) -> list[Mapped]:
        raise NotImplementedError

    def _build_io(self, part: Part, baud: int) -> list[Mapped]:
        self.ports = [stm32_io.Port(f"GPIO{chr(65 + number)}") for number in range(part.ports)]
        register, bit = part.usart_enable

        def wired() -> tuple[bool, bool]:
            sends, receives = (
                self.ports[pin.port].alternate_function(pin.pin) == pin.function
                for pin in (part.sends, part.receives)
            )
            return sends, receives

        def input_hz() -> int:
            return int(self.clock.bus_hz(register))

        self.usart = stm32_io.Usart(
            "USART", part.usart_registers, self.core.time, baud, input_hz, wired, self.core.pause
        )
        ports = [
            self._enabled(self.gpio + 0x400 * number, port, self.gpio_enable, number)
            for number, port in enumerate(self.ports)
        ]
        return [*ports, self._enabled(part.usart_base, self.usart, register, bit)]

    def _enabled(
        self, base: int, peripheral: stm32_io.Peripheral, register: int, bit: int
    ) -> Mapped:
        return Mapped(
            base,
            0x400,
            peripheral,
            clocked=lambda: self.clock.enabled(register, bit),
            settled=lambda: self.clock.settled(register, bit),
        )


class VirtualBoard(VirtualStm32):
    """An STM32F4 or F7."""

    windows = ((0x4000_0000, 0x2_0000), (0x4002_0000, 0x1_0000))
    gpio, gpio_enable = 0x4002_0000, AHB1ENR

    def _build_clock(self, part: Part, oscillator: Oscillator) -> list[Mapped]:
        assert part.limits is not None
        time = self.core.time
        self.power = stm32_clock.Power(time)
        self.flash = stm32_clock.FlashInterface(part.limits, part.data_cache_bytes > 0)
        self.clock: Clock = Clock(part.limits, oscillator, self.power, self.flash, time)
        return [
            self._enabled(0x4000_7000, self.power, APB1ENR, 28),
            Mapped(0x4002_3800, 0x400, self.clock),
            Mapped(0x4002_3C00, 0x400, self.flash),
        ]


@dataclass
class _Record:
    """The address so far, and the bytes that follow each other from it."""

    upper: int = 0
    parts: list[tuple[int, bytes]] = field(default_factory=list)


def read_intel_hex(path: Path) -> Sequence[tuple[int, bytes]]:
    """Address and bytes of every data record, which is what flash tools write."""
    state = _Record()
    for line in path.read_text(encoding="ascii").split():
        raw = bytes.fromhex(line.removeprefix(":"))
        assert sum(raw) % 256 == 0, f"{path}: a wrong checksum: {line}"
        kind, data = raw[3], raw[4:-1]
        if kind == 0:
            state.parts.append((state.upper + int.from_bytes(raw[1:3], "big"), data))
        elif kind == 2:
            state.upper = int.from_bytes(data, "big") << 4
        elif kind == 4:
            state.upper = int.from_bytes(data, "big") << 16
    return state.parts
