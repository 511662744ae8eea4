/* The cycle counter of the data watchpoint and trace unit, carried on to 64 bits: it is looked at
   at least once before it wraps, by SysTick's interrupt. */

#include "board.h"
#include "cortex_m.h"
#include "drivers.h"

enum { DEMCR_TRCENA = 1 << 24, DWT_CTRL_CYCCNTENA = 1 };
enum { SYST_CSR_ENABLE = 1, SYST_CSR_TICKINT = 2, SYST_CSR_CLKSOURCE = 4 };

static uint32_t last;
static uint32_t wraps;

void cycles_init(void)
{
    set_bits(&DEMCR, DEMCR_TRCENA);
    DWT_LAR = 0xC5ACCE55u; /* the Cortex-M7's is locked; the others ignore it */
    DWT_CYCCNT = 0;
    set_bits(&DWT_CTRL, DWT_CTRL_CYCCNTENA);
    last = 0;
    wraps = 0;
#if BOARD_TICKS
    SYST_RVR = 0xFFFFFFu;
    SYST_CVR = 0;
    SYST_CSR = SYST_CSR_CLKSOURCE | SYST_CSR_TICKINT | SYST_CSR_ENABLE;
#endif
}

uint64_t cycles_now(void)
{
    uint32_t masked;
    __asm volatile("mrs %0, primask\n\tcpsid i" : "=r"(masked)::"memory");
    const uint32_t now = DWT_CYCCNT;
    if (now < last) {
        wraps++;
    }
    last = now;
    const uint64_t cycles = ((uint64_t)wraps << 32) | now;
    __asm volatile("msr primask, %0" ::"r"(masked) : "memory");
    return cycles;
}

void cycles_tick(void)
{
    (void)cycles_now();
}
