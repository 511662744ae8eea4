/* Access to registers by address. */

#ifndef REGISTERS_H
#define REGISTERS_H

#include <stdint.h>

#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))

static inline void set_bits(volatile uint32_t *target, uint32_t bits)
{
    *target = *target | bits;
}

static inline void replace_bits(volatile uint32_t *target, uint32_t mask, uint32_t bits)
{
    *target = (*target & ~mask) | bits;
}

#endif
