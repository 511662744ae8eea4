/* The cycle counter of RISC-V's privileged architecture, 64 bits in two halves. */

#include "drivers.h"

void cycles_init(void)
{
    __asm volatile("csrci mcountinhibit, 1");
}

/* Read again where the lower half wrapped between. */
uint64_t cycles_now(void)
{
    uint32_t high, low, again;
    do {
        __asm volatile("csrr %0, mcycleh\n\tcsrr %1, mcycle\n\tcsrr %2, mcycleh"
                       : "=&r"(high), "=&r"(low), "=&r"(again));
    } while (high != again);
    return ((uint64_t)high << 32) | low;
}
