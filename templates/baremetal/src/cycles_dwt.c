/* The cycle counter of the data watchpoint and trace unit, carried on to 64 bits. */

#include "cortex_m.h"
#include "drivers.h"

enum { DEMCR_TRCENA = 1 << 24, DWT_CTRL_CYCCNTENA = 1 };

static uint32_t last;
static uint32_t overflows;

void cycles_init(void)
{
    set_bits(&DEMCR, DEMCR_TRCENA);
    DWT_LAR = 0xC5ACCE55u; /* the Cortex-M7's is locked; the others ignore it */
    DWT_CYCCNT = 0;
    set_bits(&DWT_CTRL, DWT_CTRL_CYCCNTENA);
    last = 0;
    overflows = 0;
}

uint64_t cycles_now(void)
{
    const uint32_t now = DWT_CYCCNT;
    if (now < last) {
        overflows++;
    }
    last = now;
    return ((uint64_t)overflows << 32) | now;
}
