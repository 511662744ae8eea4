"""GPIO and USART of the STM32F7 (RM0385) and F4 (RM0390)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from tests.firmware.virtual.bus import Peripheral, Time

_BAUD_TOLERANCE = 0.02
_BITS = 10
# So many polls in a row find nothing before there is nothing to do: one may be from a driver that
# is about to send.
_IDLE_POLLS = 4


class Port(Peripheral):
    """One GPIO port."""

    MODER, AFRL, AFRH = 0x00, 0x20, 0x24
    reset_values = dict.fromkeys(range(0, 0x28, 4), 0)

    def alternate_function(self, pin: int) -> int | None:
        """The function that the pin is given to, None where it is no alternate function."""
        if self.registers[self.MODER] >> (2 * pin) & 3 != 2:
            return None
        register = self.AFRL if pin < 8 else self.AFRH
        return self.registers[register] >> (4 * (pin % 8)) & 15


@dataclass(frozen=True)
class Registers:
    """Where the two versions of the USART have what; read_first: reading the status before the
    data clears an overrun, where the other version has a register for it."""

    cr1: int
    cr2: int
    cr3: int
    brr: int
    status: int
    receive: int
    transmit: int
    clear: int | None
    enable_bit: int
    status_reset: int


V1 = Registers(0x0C, 0x10, 0x14, 0x08, 0x00, 0x04, 0x04, None, 13, 0xC0)
V2 = Registers(0x00, 0x04, 0x08, 0x0C, 0x1C, 0x24, 0x28, 0x20, 0, 0xC0)

_RE, _TE, _OVERRUN, _RXNE, _TC, _TXE = 1 << 2, 1 << 3, 1 << 3, 1 << 5, 1 << 6, 1 << 7
_NOT_8N1 = (1 << 12) | (1 << 10) | (1 << 28)


class Usart(Peripheral):
    """Bytes take their time on the line. Where the firmware polls, time is moved on to when
    something happens; where nothing will happen, on_idle is called.

    input_hz: of the bus; wired: whether the pins that the line is on are given to it (sends,
    receives); baud: of the other end.
    """

    def __init__(
        self, name: str, registers: Registers, time: Time, baud: int,
        input_hz: Callable[[], int], wired: Callable[[], tuple[bool, bool]],
        on_idle: Callable[[], None],
    ) -> None:  # fmt: skip
        self._at = registers
        offsets = {at for at in vars(registers).values() if isinstance(at, int)} - {13}
        self.reset_values = dict.fromkeys((at for at in offsets if at % 4 == 0), 0)
        self.reset_values[registers.status] = registers.status_reset
        self._time = time
        self._baud = baud
        self._input_hz = input_hz
        self._wired = wired
        self._on_idle = on_idle
        self.sent = bytearray()
        self.to_receive: deque[int] = deque()
        self.overruns = 0
        super().__init__(name)

    def reset(self) -> None:
        super().reset()
        self._received: int | None = None
        self._next_arrival = 0
        self._overrun = False
        self._shifting_until = 0
        self._waiting = False
        self._idle_polls = 0

    def line_is_free(self) -> bool:
        return self._time.cycles >= self._shifting_until and not self._waiting

    def read(self, offset: int) -> int:
        if offset == self._at.status:
            return self._read_status()
        if offset == self._at.receive:
            byte, self._received = self._received or 0, None
            # With the older version, status and then data clears an overrun.
            self._overrun = self._overrun and self._at.clear is not None
            return byte
        return super().read(offset)

    def write(self, offset: int, value: int) -> None:
        enabled = bool(self.registers[self._at.cr1] >> self._at.enable_bit & 1)
        if offset == self._at.brr:
            self.require(not enabled, "BRR is written while the USART is enabled")
        elif offset == self._at.clear:
            self._overrun = self._overrun and not value & _OVERRUN
        elif offset == self._at.cr1 and value >> self._at.enable_bit & 1:
            self._check_line(value)
        elif offset == self._at.transmit:
            self._transmit(value & 0xFF)
        super().write(offset, value)

    def _check_line(self, cr1: int) -> None:
        divider = self.registers[self._at.brr]
        self.require(divider >= 16, "BRR is below 16")
        actual = self._input_hz() / divider
        self.require(
            abs(actual / self._baud - 1) < _BAUD_TOLERANCE, f"{actual:.0f} baud, not {self._baud}"
        )
        self.require(not cr1 & _NOT_8N1, "the line is not 8 data bits without parity")
        self.require(not self.registers[self._at.cr2], "CR2 is not at its reset value")

    def _byte_cycles(self) -> int:
        return _BITS * self._time.hz // self._baud

    def _transmit(self, byte: int) -> None:
        cr1 = self.registers[self._at.cr1]
        self.require(bool(cr1 & _TE and cr1 >> self._at.enable_bit & 1), "it sends while it is off")
        self.require(self._wired()[0], "the pin that sends is not given to it")
        self._settle()
        self.require(not self._waiting, "a byte is written while TXE is 0")
        if self._time.cycles >= self._shifting_until:
            self._shifting_until = self._time.cycles + self._byte_cycles()
        else:
            self._waiting = True
        self._idle_polls = 0
        self.sent.append(byte)

    def _settle(self) -> None:
        """Brings the shift registers up to now."""
        if self._waiting and self._time.cycles >= self._shifting_until:
            self._waiting = False
            self._shifting_until += self._byte_cycles()
        cr1 = self.registers[self._at.cr1]
        listening = cr1 & _RE and cr1 >> self._at.enable_bit & 1 and self._wired()[1]
        while self.to_receive and listening and self._time.cycles >= self._next_arrival:
            byte = self.to_receive.popleft()
            if self._received is None:
                self._received = byte
            else:
                self._overrun = True
                self.overruns += 1
            self._next_arrival = max(self._next_arrival, self._time.cycles) + self._byte_cycles()

    def _read_status(self) -> int:
        self._settle()
        status = 0 if self._waiting else _TXE
        status |= _TC if self.line_is_free() else 0
        status |= _RXNE if self._received is not None else 0
        status |= _OVERRUN if self._overrun else 0
        if self._received is None:
            self._skip()
        return status

    def _skip(self) -> None:
        """To when the line's state changes next; a core that polls would see nothing until then."""
        changes = []
        if self._time.cycles < self._shifting_until:
            changes.append(self._shifting_until)
        if self.to_receive:
            changes.append(self._next_arrival)
        if changes:
            self._time.cycles = max(self._time.cycles, min(changes))
            self._idle_polls = 0
        else:
            self._idle_polls += 1
            if self._idle_polls >= _IDLE_POLLS:
                self._on_idle()
