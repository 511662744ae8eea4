#include "board.h"
#include "cortex_m.h"
#include "drivers.h"

enum { CCR_DC = 1 << 16, CCR_IC = 1 << 17 };

#if BOARD_DATA_CACHE_BYTES > 0
/* The cache holds anything after power-on, so every line of it is invalidated by set and way. */
static void invalidate_data_cache(void)
{
    CSSELR = 0;
    data_barrier();
    const uint32_t geometry = CCSIDR;
    const uint32_t line_shift = (geometry & 7u) + 4u;
    const uint32_t last_way = (geometry >> 3) & 0x3FFu;
    const uint32_t last_set = (geometry >> 13) & 0x7FFFu;
    uint32_t way_shift = 32;
    for (uint32_t ways = last_way; ways != 0u; ways >>= 1) {
        way_shift--;
    }
    for (uint32_t set = 0; set <= last_set; set++) {
        for (uint32_t way = 0; way <= last_way; way++) {
            const uint32_t way_bits = last_way == 0u ? 0u : way << way_shift;
            DCISW = way_bits | (set << line_shift);
        }
    }
    data_barrier();
}
#endif

void core_enable_caches(void)
{
#if BOARD_INSTRUCTION_CACHE_BYTES > 0
    data_barrier();
    instruction_barrier();
    ICIALLU = 0;
    data_barrier();
    instruction_barrier();
    set_bits(&CCR, CCR_IC);
#endif
#if BOARD_DATA_CACHE_BYTES > 0
    invalidate_data_cache();
    set_bits(&CCR, CCR_DC);
#endif
    data_barrier();
    instruction_barrier();
}

void core_reset(void)
{
    data_barrier();
    AIRCR = 0x05FA0004u; /* VECTKEY, SYSRESETREQ */
    data_barrier();
    for (;;) {
    }
}
