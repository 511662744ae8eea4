/* SysTick, which counts 24 bits down, carried on to 64 bits by its interrupt. */

#include "cortex_m.h"
#include "drivers.h"

enum { SYST_CSR_ENABLE = 1, SYST_CSR_TICKINT = 2, SYST_CSR_CLKSOURCE = 4 };

#define LARGEST 0xFFFFFFu

static volatile uint64_t wraps;

void cycles_init(void)
{
    wraps = 0;
    SYST_RVR = LARGEST;
    SYST_CVR = 0;
    SYST_CSR = SYST_CSR_CLKSOURCE | SYST_CSR_TICKINT | SYST_CSR_ENABLE;
}

/* Read again where the interrupt came between. */
uint64_t cycles_now(void)
{
    for (;;) {
        const uint64_t before = wraps;
        const uint32_t left = SYST_CVR;
        instruction_barrier();
        if (before == wraps) {
            return (before << 24) + (LARGEST - left);
        }
    }
}

void cycles_tick(void)
{
    wraps = wraps + 1u;
}
