/* The main PLL of the STM32F4 and F7; registers and bits as RM0390 and RM0385 name them. */

#ifndef STM32_RCC_H
#define STM32_RCC_H

#include "stm32_wait.h"

#define RCC_CR REGISTER(0x40023800u)
#define RCC_PLLCFGR REGISTER(0x40023804u)
#define RCC_CFGR REGISTER(0x40023808u)
#define RCC_APB1ENR REGISTER(0x40023840u)

#define RCC_CR_HSION (1u << 0)
#define RCC_CR_HSIRDY (1u << 1)
#define RCC_PLLCFGR_PLLM 0x3Fu
#define RCC_PLLCFGR_PLLN (0x1FFu << 6)
#define RCC_PLLCFGR_PLLP (3u << 16)
#define RCC_PLLCFGR_PLLSRC_HSE (1u << 22)
#define RCC_PLLCFGR_PLLQ (15u << 24)
#define RCC_CFGR_SW 3u
#define RCC_CFGR_SW_PLL 2u
#define RCC_CFGR_SWS (3u << 2)
#define RCC_CFGR_SWS_PLL (2u << 2)
#define RCC_CFGR_HPRE (15u << 4)
#define RCC_CFGR_PPRE1 (7u << 10)
#define RCC_CFGR_PPRE2 (7u << 13)
#define RCC_APB1ENR_PWREN (1u << 28)

#define HSI_HZ 16000000u

static inline void rcc_enable_power_control(void)
{
    set_bits(&RCC_APB1ENR, RCC_APB1ENR_PWREN);
    (void)RCC_APB1ENR; /* the peripheral is there two bus cycles after its clock */
}

/* The system clock is HSI after reset; it stays so until rcc_switch_to_pll. */
static inline void rcc_wait_for_hsi(void)
{
    set_bits(&RCC_CR, RCC_CR_HSION);
    wait_for(&RCC_CR, RCC_CR_HSIRDY);
}

/* From the crystal, or where it does not start from the internal oscillator, whose 1 % is good
   enough for a serial line. */
static inline void rcc_start_pll(void)
{
    const uint32_t hse = rcc_start_hse(&RCC_CR);
    const uint32_t m = (hse ? BOARD_HSE_HZ : HSI_HZ) / BOARD_VCO_INPUT_HZ;
    const uint32_t n = BOARD_VCO_HZ / BOARD_VCO_INPUT_HZ;
    const uint32_t p = BOARD_PLL_DIVIDER / 2u - 1u;
    /* The 48 MHz output is not used; it may not be above that. */
    const uint32_t q = (BOARD_VCO_HZ + 48000000u - 1u) / 48000000u;
    const uint32_t source = hse ? RCC_PLLCFGR_PLLSRC_HSE : 0u;
    replace_bits(&RCC_PLLCFGR,
                 RCC_PLLCFGR_PLLM | RCC_PLLCFGR_PLLN | RCC_PLLCFGR_PLLP | RCC_PLLCFGR_PLLSRC_HSE |
                     RCC_PLLCFGR_PLLQ,
                 m | (n << 6) | (p << 16) | source | (q << 24));
    set_bits(&RCC_CR, RCC_CR_PLLON);
}

/* So that no bus is too fast once the core is. */
static inline void rcc_set_prescalers(void)
{
    replace_bits(&RCC_CFGR, RCC_CFGR_HPRE | RCC_CFGR_PPRE1 | RCC_CFGR_PPRE2,
                 (BOARD_APB1_PRESCALER << 10) | (BOARD_APB2_PRESCALER << 13));
}

/* Flash wait states, power and prescalers must be those of the full clock by now. */
static inline void rcc_switch_to_pll(void)
{
    wait_for(&RCC_CR, RCC_CR_PLLRDY);
    replace_bits(&RCC_CFGR, RCC_CFGR_SW, RCC_CFGR_SW_PLL);
    while ((RCC_CFGR & RCC_CFGR_SWS) != RCC_CFGR_SWS_PLL) {
    }
}

#endif
