/* Waiting for bits, and starting HSE, the same in every STM32: RCC_CR has these bits where RM0385,
   RM0390, RM0433 and RM0351 have them. */

#ifndef STM32_WAIT_H
#define STM32_WAIT_H

#include "board.h"
#include "registers.h"

#define RCC_CR_HSEON (1u << 16)
#define RCC_CR_HSERDY (1u << 17)
#define RCC_CR_HSEBYP (1u << 18)
#define RCC_CR_PLLON (1u << 24)
#define RCC_CR_PLLRDY (1u << 25)

/* Some 40 ms at 16 MHz; a crystal starts within a few. */
#define HSE_TURNS 100000u

static inline void wait_for(volatile uint32_t *target, uint32_t bits)
{
    while ((*target & bits) != bits) {
    }
}

/* 1 once HSE runs, 0 where it does not start. */
static inline uint32_t rcc_start_hse(volatile uint32_t *rcc_cr)
{
    if (BOARD_HSE_BYPASS) {
        set_bits(rcc_cr, RCC_CR_HSEBYP);
    }
    set_bits(rcc_cr, RCC_CR_HSEON);
    for (uint32_t turn = 0; turn < HSE_TURNS; turn++) {
        if ((*rcc_cr & RCC_CR_HSERDY) != 0u) {
            return 1;
        }
    }
    return 0;
}

#endif
