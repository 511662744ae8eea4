/* Timer 0 of Arm's Cortex-M System Design Kit (DDI 0479), of the emulated machines only: it counts
   32 bits down at the core's clock. */

#include "drivers.h"
#include "registers.h"

#define TIMER_CTRL REGISTER(0x40000000u)
#define TIMER_VALUE REGISTER(0x40000004u)
#define TIMER_RELOAD REGISTER(0x40000008u)

static uint32_t last;
static uint32_t wraps;

void cycles_init(void)
{
    TIMER_CTRL = 0;
    TIMER_RELOAD = 0xFFFFFFFFu;
    TIMER_VALUE = 0xFFFFFFFFu;
    TIMER_CTRL = 1;
    last = 0;
    wraps = 0;
}

uint64_t cycles_now(void)
{
    const uint32_t now = 0xFFFFFFFFu - TIMER_VALUE;
    if (now < last) {
        wraps++;
    }
    last = now;
    return ((uint64_t)wraps << 32) | now;
}
