/* From the core's entry to main: the painted stack, initialised and zeroed data. */

#include "core.h"
#include "platform.h"

#define STACK_PAINT 0xA5C3F00Du
/* Some cores keep the guard locked over a reset. */
#define GUARD_WORDS (CORE_STACK_GUARD_BYTES / 4u)

/* Of the linker script. */
extern uint32_t stack_bottom[], stack_top[];
extern uint32_t data_begin[], data_end[], data_image[];
extern uint32_t bss_begin[], bss_end[];

int main(void);

/* Volatile in all three loops: a compiler that makes memset or memcpy of them would use the stack
   while it is painted. */
static inline void paint_stack(void)
{
    const uint32_t *used = core_stack_pointer();
    for (volatile uint32_t *word = stack_bottom + GUARD_WORDS; word < used; word++) {
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

void start(void)
{
    paint_stack();
    initialise_data();
    (void)main();
    platform_reset();
}

uint32_t platform_stack_high_water(void)
{
    const uint32_t *word = stack_bottom + GUARD_WORDS;
    while (word < stack_top && *word == STACK_PAINT) {
        word++;
    }
    return (uint32_t)((uintptr_t)stack_top - (uintptr_t)word);
}
