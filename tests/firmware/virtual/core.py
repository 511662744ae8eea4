"""A Cortex-M core: Unicorn executes, this adds reset, exceptions and the bus to peripherals."""

from __future__ import annotations

import contextlib
import random
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from unicorn import (
    UC_ARCH_ARM,
    UC_ERR_INSN_INVALID,
    UC_HOOK_BLOCK,
    UC_HOOK_MEM_INVALID,
    UC_MODE_MCLASS,
    UC_MODE_THUMB,
    UC_PROT_EXEC,
    UC_PROT_READ,
    Uc,
    UcError,
    arm_const,
)

from tests.firmware.virtual import system_control as scs
from tests.firmware.virtual.bus import HardwareRuleError, Mapped, Time

_EVERYWHERE = 0xFFFFFFFE
_STACKED = (
    arm_const.UC_ARM_REG_R0,
    arm_const.UC_ARM_REG_R1,
    arm_const.UC_ARM_REG_R2,
    arm_const.UC_ARM_REG_R3,
    arm_const.UC_ARM_REG_R12,
    arm_const.UC_ARM_REG_LR,
    arm_const.UC_ARM_REG_PC,
    arm_const.UC_ARM_REG_XPSR,
)
_HARD_FAULT, _SYSTICK = 3, 15
_EXC_RETURN = 0xFFFFFFF9
_MOST_RESETS = 10
_UNDEFINSTR, _PRECISERR, _BFARVALID, _FORCED = 1 << 16, 1 << 9, 1 << 15, 1 << 30


@dataclass(frozen=True)
class Memory:
    """origins: all addresses of the same bytes."""

    origins: tuple[int, ...]
    size: int
    read_only: bool = False


class Core:
    """Runs until someone calls ``pause``. image: (address, bytes) as a flash tool writes them."""

    def __init__(
        self,
        model: int,
        memories: Sequence[Memory],
        image: Sequence[tuple[int, bytes]],
        boot_address: int,
        data_cache_bytes: int,
    ) -> None:
        self.time = Time()
        self.system = scs.SystemControl(self.time, data_cache_bytes, self._request_reset)
        self._boot_address = boot_address
        self._mapped: list[Mapped] = []
        self._pause_wanted = False
        self._reset_requested = True
        self._bad_address: int | None = None
        self._broken: HardwareRuleError | None = None
        self.resets = 0
        self.ticks = 0
        self._in_handler = False
        self._unicorn = Uc(UC_ARCH_ARM, UC_MODE_THUMB | UC_MODE_MCLASS)
        self._unicorn.ctl_set_cpu_model(model)
        self._map_memories(memories)
        for address, content in image:
            self._program(memories, address, content)
        self._unicorn.hook_add(UC_HOOK_BLOCK, self._count)
        self._unicorn.hook_add(UC_HOOK_MEM_INVALID, self._remember_address)
        self._map_registers(0xE0000000, 1 << 20)
        self._mapped.append(Mapped(0xE0000000, 1 << 20, self.system))

    def connect(self, window: tuple[int, int], mapped: Sequence[Mapped]) -> None:
        """Peripherals in a window of addresses; whatever else lies in it has no register."""
        self._map_registers(*window)
        self._mapped.extend(mapped)

    def run(self) -> None:
        """Until ``pause``; HardwareRuleError from whatever broke a rule."""
        self._pause_wanted = False
        while not self._pause_wanted:
            if self._reset_requested:
                self._reset()
            if not self._in_handler and self.system.tick_is_due():
                self._enter(_SYSTICK)
            try:
                self._unicorn.emu_start(self._pc() | 1, _EVERYWHERE)
            except UcError as error:
                if self._pc() >= _EXC_RETURN & ~15:
                    self._return()
                else:
                    self._enter_fault(error)
            if self._broken is not None:
                raise self._broken

    def pause(self) -> None:
        """Before the next block of code: an instruction that is stopped amid its access to a
        register would be executed again."""
        self._pause_wanted = True

    def read_memory(self, address: int, count: int) -> bytes:
        return bytes(self._unicorn.mem_read(address, count))

    def _pc(self) -> int:
        return int(self._unicorn.reg_read(arm_const.UC_ARM_REG_PC))

    def _request_reset(self) -> None:
        self._reset_requested = True

    def _reset(self) -> None:
        self._reset_requested = False
        self.resets += 1
        if self.resets > _MOST_RESETS:
            raise HardwareRuleError("the core restarts again and again")
        for mapped in self._mapped:
            mapped.peripheral.reset()
        stack, entry = struct.unpack("<II", self.read_memory(self._boot_address, 8))
        if not entry & 1:
            raise HardwareRuleError("the reset vector is no Thumb address")
        self._in_handler = False
        self._unicorn.reg_write(arm_const.UC_ARM_REG_SP, stack)
        self._unicorn.reg_write(arm_const.UC_ARM_REG_PC, entry)

    def _enter_fault(self, error: UcError) -> None:
        """As the core does where an instruction is undefined or a bus answers with an error."""
        known = self.system.registers
        if error.errno == UC_ERR_INSN_INVALID:
            known[scs.CFSR] |= _UNDEFINSTR
        else:
            known[scs.CFSR] |= _PRECISERR | _BFARVALID
            known[scs.BFAR] = self._bad_address or 0
        known[scs.HFSR] |= _FORCED
        self._enter(_HARD_FAULT)

    def _enter(self, exception: int) -> None:
        registers = [int(self._unicorn.reg_read(number)) for number in _STACKED]
        stack = int(self._unicorn.reg_read(arm_const.UC_ARM_REG_SP)) - 4 * len(registers)
        # Where the stack is in no memory the core enters the handler all the same.
        with contextlib.suppress(UcError):
            self._unicorn.mem_write(stack, struct.pack("<8I", *registers))
        self._in_handler = True
        self.system.registers[scs.ICSR] = exception
        vectors = self.system.registers[scs.VTOR]
        (handler,) = struct.unpack("<I", self.read_memory(vectors + 4 * exception, 4))
        self._unicorn.reg_write(arm_const.UC_ARM_REG_SP, stack)
        self._unicorn.reg_write(arm_const.UC_ARM_REG_LR, _EXC_RETURN)
        self._unicorn.reg_write(arm_const.UC_ARM_REG_PC, handler)

    def _return(self) -> None:
        """To what the exception interrupted."""
        stack = int(self._unicorn.reg_read(arm_const.UC_ARM_REG_SP))
        values = struct.unpack("<8I", self.read_memory(stack, 32))
        for number, value in zip(_STACKED, values, strict=True):
            self._unicorn.reg_write(number, value)
        self._unicorn.reg_write(arm_const.UC_ARM_REG_SP, stack + 32)
        self._in_handler = False
        self.ticks += 1

    def _map_memories(self, memories: Sequence[Memory]) -> None:
        noise = random.Random(0)
        for memory in memories:
            protection = UC_PROT_READ | UC_PROT_EXEC
            content = b"\xff" * memory.size if memory.read_only else noise.randbytes(memory.size)
            for origin in memory.origins:
                if memory.read_only:
                    self._unicorn.mem_map(origin, memory.size, protection)
                else:
                    self._unicorn.mem_map(origin, memory.size)
                self._unicorn.mem_write(origin, content)

    def _program(self, memories: Sequence[Memory], address: int, content: bytes) -> None:
        for memory in memories:
            offset = address - memory.origins[0]
            if memory.read_only and 0 <= offset <= memory.size - len(content):
                for origin in memory.origins:
                    self._unicorn.mem_write(origin + offset, content)
                return
        raise HardwareRuleError(f"the image has {len(content)} bytes at {address:#x}: no flash")

    def _map_registers(self, base: int, size: int) -> None:
        """An error cannot travel through Unicorn: it is kept, and raised when Unicorn is left."""

        def read(_unicorn: Uc, offset: int, width: int, _data: object) -> int:
            try:
                return self._read(base + offset, width)
            except HardwareRuleError as error:
                self._stop_at(error)
                return 0

        def write(_unicorn: Uc, offset: int, width: int, value: int, _data: object) -> None:
            try:
                self._write(base + offset, width, value)
            except HardwareRuleError as error:
                self._stop_at(error)

        self._unicorn.mmio_map(base, size, read, None, write, None)

    def _stop_at(self, error: HardwareRuleError) -> None:
        self._broken = self._broken or error
        self._unicorn.emu_stop()

    def _find(self, address: int, width: int) -> tuple[Mapped, int]:
        if width != 4 or address % 4:
            raise HardwareRuleError(f"an access of {width} bytes to the register {address:#x}")
        for mapped in self._mapped:
            if mapped.contains(address):
                return mapped, address - mapped.base
        raise HardwareRuleError(f"there is no peripheral at {address:#x}")

    def _read(self, address: int, width: int) -> int:
        mapped, offset = self._find(address, width)
        mapped.require_clock()
        return mapped.peripheral.read(offset)

    def _write(self, address: int, width: int, value: int) -> None:
        mapped, offset = self._find(address, width)
        mapped.require_clock()
        mapped.peripheral.write(offset, value & 0xFFFFFFFF)

    def _count(self, _unicorn: Uc, _address: int, size: int, _data: object) -> None:
        # One cycle for every half-word of code: time has to pass, its exact pace matters to none.
        self.time.cycles += size // 2
        tick = not self._in_handler and self.system.tick_is_pending()
        if self._pause_wanted or self._reset_requested or tick:
            self._unicorn.emu_stop()

    def _remember_address(
        self, _unicorn: Uc, _kind: int, address: int, _size: int, _value: int, _data: object
    ) -> bool:
        self._bad_address = address
        return False
