/* A fault is reported over the UART in one line of text, then the core restarts. */

#include "core.h"
#include "fault.h"
#include "platform.h"

extern uint32_t stack_bottom[], stack_top[];

void fault_handler(void);
__attribute__((noreturn)) void fault_report(const uint32_t *frame);

#if __ARM_ARCH >= 8
#define NO_STACK_LIMIT "movs r2, #0\nmsr msplim, r2\n"
#else
#define NO_STACK_LIMIT
#endif

/* Hands over the exception's frame. Where the stack ran over, or nearly, the report starts with an
   empty one. */
__attribute__((naked)) void fault_handler(void)
{
    __asm volatile(NO_STACK_LIMIT
                   "mrs r0, msp\n"
                   "ldr r1, =stack_bottom + 512\n"
                   "cmp r0, r1\n"
                   "bhs 1f\n"
                   "ldr r1, =stack_top\n"
                   "msr msp, r1\n"
                   "1:\n"
                   "ldr r1, =fault_report\n"
                   "bx r1\n");
}

/* Whether the core could put the frame there. */
static int is_readable(const uint32_t *frame)
{
    enum { FRAME_WORDS = 8 };
    const uintptr_t address = (uintptr_t)frame;
    if (address < (uintptr_t)stack_bottom + CORE_STACK_GUARD_BYTES ||
        address + FRAME_WORDS * sizeof *frame > (uintptr_t)stack_top) {
        return 0;
    }
#if __ARM_ARCH > 6
    const uint32_t stacking_failed = (1u << 20) | (1u << 12) | (1u << 4);
    return (CFSR & stacking_failed) == 0u;
#else
    return 1;
#endif
}

void fault_report(const uint32_t *frame)
{
    enum { FRAME_LR = 5, FRAME_PC = 6 };
    fault_value("\r\nsqtvm fault: exception ", ICSR & 0x1FFu);
#if __ARM_ARCH > 6
    fault_value(" cfsr ", CFSR);
    fault_value(" hfsr ", HFSR);
    fault_value(" mmfar ", MMFAR);
    fault_value(" bfar ", BFAR);
#endif
    if (is_readable(frame)) {
        fault_value(" pc ", frame[FRAME_PC]);
        fault_value(" lr ", frame[FRAME_LR]);
    } else {
        fault_value(" stack pointer ", (uint32_t)(uintptr_t)frame);
    }
    fault_text("\r\n");
    platform_reset();
}
