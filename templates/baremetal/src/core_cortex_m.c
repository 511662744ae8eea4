/* The core itself: vector table, FPU, memory protection, caches, reset. */

#include "board.h"
#include "core.h"
#include "drivers.h"

enum { CCR_DC = 1 << 16, CCR_IC = 1 << 17, CCR_LOB = 1 << 19 };

/* Of the linker script. */
extern uint32_t stack_bottom[], stack_top[];

void reset_handler(void);
void fault_handler(void);

typedef void (*vector)(void);

#if BOARD_TICKS
#define TICK cycles_tick
#else
#define TICK fault_handler
#endif

/* The core's own exceptions. Any but the tick is reported as a fault. */
__attribute__((section(".vectors"), used)) static const vector vectors[16] = {
    (vector)(uintptr_t)stack_top, reset_handler, fault_handler, fault_handler,
    fault_handler,                fault_handler, fault_handler, fault_handler,
    fault_handler,                fault_handler, fault_handler, fault_handler,
    fault_handler,                fault_handler, fault_handler, TICK,
};

/* As on reset also where a boot loader or a debugger came before. */
void reset_handler(void)
{
    __asm volatile("cpsie i" ::: "memory");
    VTOR = (uint32_t)(uintptr_t)vectors;
#if defined(__ARM_FP)
    set_bits(&CPACR, 0xFu << 20); /* CP10 and CP11, the FPU and Helium: full access */
#endif
#if __ARM_ARCH >= 8 && defined(__ARM_FEATURE_MVE)
    set_bits(&CCR, CCR_LOB); /* loops without overhead */
#endif
    data_barrier();
    instruction_barrier();
    start();
}

#if __ARM_ARCH < 8
enum { MPU_ENABLE = 1, MPU_PRIVDEFENA = 4, RASR_XN = 1 << 28 };

/* size: 2 to the power of log2_size; nobody may read, write or execute there. */
static void forbid(uint32_t number, uint32_t base, uint32_t log2_size)
{
    MPU_RNR = number;
    MPU_RBAR = base;
    MPU_RASR = RASR_XN | ((log2_size - 1u) << 1) | 1u;
}
#endif

/* The memory map of the architecture, whatever was set before, but for the stack's end and, where
   no memory of the board lies outside the chip, for the addresses of such memories: the core reads
   ahead there and may wait for ever for an answer. */
void core_protect_memory(void)
{
    data_barrier();
#if __ARM_ARCH < 8
    if ((MPU_TYPE >> 8 & 0xFFu) == 0u) {
        return;
    }
    MPU_CTRL = 0;
    const uint32_t regions = MPU_TYPE >> 8 & 0xFFu;
    for (uint32_t number = 0; number < regions; number++) {
        MPU_RNR = number;
        MPU_RASR = 0;
    }
    _Static_assert(CORE_STACK_GUARD_BYTES == 1u << 8, "the region below");
    forbid(0, (uint32_t)(uintptr_t)stack_bottom, 8);
#if BOARD_NOTHING_EXTERNAL
    forbid(1, 0x60000000u, 29);
    forbid(2, 0x80000000u, 29);
#endif
    MPU_CTRL = MPU_ENABLE | MPU_PRIVDEFENA;
#else
    MPU_CTRL = 0;
    __asm volatile("msr msplim, %0" ::"r"(stack_bottom));
#endif
    data_barrier();
    instruction_barrier();
}

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
