/* The core itself: memory protection and reset; named as in the RISC-V privileged architecture. */

#include "core.h"
#include "drivers.h"
#include "registers.h"

/* Of the linker script. */
extern uint32_t stack_bottom[];

/* The first entry of the physical memory protection is locked on the stack's end, which machine
   mode has no rights to either. */
void core_protect_memory(void)
{
    const uint32_t guard =
        ((uint32_t)(uintptr_t)stack_bottom >> 2) | (CORE_STACK_GUARD_BYTES / 8u - 1u);
    const uint32_t locked_naturally_aligned = 0x80u | 0x18u;
    __asm volatile("csrw pmpaddr0, %0\n\tcsrs pmpcfg0, %1" ::"r"(guard),
                   "r"(locked_naturally_aligned));
}

void core_enable_caches(void)
{
}

/* By the test device of QEMU's machine virt. */
void core_reset(void)
{
    REGISTER(0x00100000u) = 0x7777u;
    for (;;) {
    }
}
