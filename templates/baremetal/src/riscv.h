/* The core's stack, and what guards its end. */

#ifndef RISCV_H
#define RISCV_H

#include <stdint.h>

/* The lowest bytes of the stack, which nothing may touch: more than most functions leave untouched
   of their frames. */
#define CORE_STACK_GUARD_BYTES 256u

static inline const uint32_t *core_stack_pointer(void)
{
    const uint32_t *pointer;
    __asm volatile("mv %0, sp" : "=r"(pointer));
    return pointer;
}

#endif
