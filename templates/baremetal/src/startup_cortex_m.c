/* From reset to main: vector table, FPU, initialised and zeroed data, the painted stack. */

#include "board.h"
#include "cortex_m.h"
#include "platform.h"

#define STACK_PAINT 0xA5C3F00Du

/* Of the linker script. */
extern uint32_t stack_bottom[], stack_top[];
extern uint32_t data_begin[], data_end[], data_image[];
extern uint32_t bss_begin[], bss_end[];

int main(void);
void reset_handler(void);
void fault_handler(void);

typedef void (*vector)(void);

/* The core's own exceptions; no interrupt is enabled. Any that happens is reported as a fault. */
__attribute__((section(".vectors"), used)) static const vector vectors[16] = {
    (vector)(uintptr_t)stack_top, reset_handler, fault_handler, fault_handler,
    fault_handler,                fault_handler, fault_handler, fault_handler,
    fault_handler,                fault_handler, fault_handler, fault_handler,
    fault_handler,                fault_handler, fault_handler, fault_handler,
};

/* Volatile in all three loops: a compiler that makes memset or memcpy of them would use the stack
   while it is painted. */
static inline void paint_stack(void)
{
    uint32_t *used;
    __asm volatile("mov %0, sp" : "=r"(used));
    for (volatile uint32_t *word = stack_bottom; word < used; word++) {
        *word = STACK_PAINT;
    }
}

static inline void initialise_data(void)
{
    const volatile uint32_t *from = data_image;
    for (volatile uint32_t *to = data_begin; to < data_end; to++) {
        *to = *from++;
    }
    for (volatile uint32_t *to = bss_begin; to < bss_end; to++) {
        *to = 0;
    }
}

void reset_handler(void)
{
    VTOR = (uint32_t)(uintptr_t)vectors;
#if defined(__ARM_FP)
    set_bits(&CPACR, 0xFu << 20); /* CP10 and CP11: full access */
#endif
    data_barrier();
    instruction_barrier();
    paint_stack();
    initialise_data();
    (void)main();
    platform_reset();
}

uint32_t platform_stack_high_water(void)
{
    const uint32_t *word = stack_bottom;
    while (word < stack_top && *word == STACK_PAINT) {
        word++;
    }
    return (uint32_t)((uintptr_t)stack_top - (uintptr_t)word);
}
