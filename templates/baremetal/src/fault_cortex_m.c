/* A fault is reported over the UART in one line of text, then the core restarts. */

#include "cortex_m.h"
#include "platform.h"

extern uint32_t stack_bottom[], stack_top[];

void fault_handler(void);
__attribute__((noreturn)) void fault_report(const uint32_t *frame);

/* Hands over the exception's frame. A stack that ran over its end lies in no memory, so there the
   report starts with an empty stack instead. */
__attribute__((naked)) void fault_handler(void)
{
    __asm volatile("tst lr, #4\n"
                   "ite eq\n"
                   "mrseq r0, msp\n"
                   "mrsne r0, psp\n"
                   "ldr r1, =stack_bottom\n"
                   "cmp r0, r1\n"
                   "bhs 1f\n"
                   "ldr r1, =stack_top\n"
                   "msr msp, r1\n"
                   "1:\n"
                   "b fault_report\n");
}

static void write_text(const char *text)
{
    size_t length = 0;
    while (text[length] != '\0') {
        length++;
    }
    platform_uart_write((const uint8_t *)text, length);
}

static void write_value(const char *name, uint32_t value)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t text[8];
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = (uint8_t)digits[(value >> (28u - 4u * i)) & 15u];
    }
    write_text(name);
    platform_uart_write(text, sizeof text);
}

void fault_report(const uint32_t *frame)
{
    enum { FRAME_WORDS = 8, FRAME_LR = 5, FRAME_PC = 6 };
    const uintptr_t address = (uintptr_t)frame;
    const int readable = address >= (uintptr_t)stack_bottom &&
                         address + FRAME_WORDS * sizeof *frame <= (uintptr_t)stack_top;

    write_value("\r\nsqtvm fault: exception ", ICSR & 0x1FFu);
    write_value(" cfsr ", CFSR);
    write_value(" hfsr ", HFSR);
    write_value(" mmfar ", MMFAR);
    write_value(" bfar ", BFAR);
    if (readable) {
        write_value(" pc ", frame[FRAME_PC]);
        write_value(" lr ", frame[FRAME_LR]);
    } else {
        write_value(" stack pointer ", (uint32_t)address);
    }
    write_text("\r\n");
    platform_reset();
}
