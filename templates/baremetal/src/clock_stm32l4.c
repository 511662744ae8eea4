/* STM32L476 at full clock: voltage range 1 and wait states before the PLL, as RM0351 orders them. */

#include "drivers.h"
#include "stm32_wait.h"

#define PWR_CR1 REGISTER(0x40007000u)
#define PWR_SR2 REGISTER(0x40007014u)
#define RCC_CR REGISTER(0x40021000u)
#define RCC_CFGR REGISTER(0x40021008u)
#define RCC_PLLCFGR REGISTER(0x4002100Cu)
#define RCC_APB1ENR1 REGISTER(0x40021058u)
#define FLASH_ACR REGISTER(0x40022000u)

#define PWR_CR1_VOS (3u << 9)
#define PWR_CR1_VOS_RANGE_1 (1u << 9)
#define PWR_SR2_VOSF (1u << 10)
#define RCC_CR_HSION (1u << 8)
#define RCC_CR_HSIRDY (1u << 10)
#define RCC_CFGR_SW 3u
#define RCC_CFGR_SW_PLL 3u
#define RCC_CFGR_SWS (3u << 2)
#define RCC_CFGR_SWS_PLL (3u << 2)
#define RCC_CFGR_HPRE (15u << 4)
#define RCC_CFGR_PPRE1 (7u << 8)
#define RCC_CFGR_PPRE2 (7u << 11)
#define RCC_PLLCFGR_PLLSRC_HSI16 2u
#define RCC_PLLCFGR_PLLSRC_HSE 3u
#define RCC_PLLCFGR_PLLREN (1u << 24)
#define RCC_APB1ENR1_PWREN (1u << 28)
#define FLASH_ACR_LATENCY 7u
#define FLASH_ACR_PRFTEN (1u << 8)
#define FLASH_ACR_ICEN (1u << 9)
#define FLASH_ACR_DCEN (1u << 10)

#define HSI16_HZ 16000000u

/* It is range 1 after a reset, but perhaps not after a boot loader. */
static void set_voltage_range_1(void)
{
    set_bits(&RCC_APB1ENR1, RCC_APB1ENR1_PWREN);
    (void)RCC_APB1ENR1; /* the peripheral is there two bus cycles after its clock */
    replace_bits(&PWR_CR1, PWR_CR1_VOS, PWR_CR1_VOS_RANGE_1);
    while ((PWR_SR2 & PWR_SR2_VOSF) != 0u) {
    }
}

/* From the external clock, or where there is none from the internal oscillator. */
static void start_pll(void)
{
    const uint32_t hse = rcc_start_hse(&RCC_CR);
    if (!hse) {
        set_bits(&RCC_CR, RCC_CR_HSION);
        wait_for(&RCC_CR, RCC_CR_HSIRDY);
    }
    const uint32_t m = (hse ? BOARD_HSE_HZ : HSI16_HZ) / BOARD_VCO_INPUT_HZ;
    const uint32_t n = BOARD_VCO_HZ / BOARD_VCO_INPUT_HZ;
    const uint32_t r = BOARD_PLL_DIVIDER / 2u - 1u;
    RCC_PLLCFGR = (hse ? RCC_PLLCFGR_PLLSRC_HSE : RCC_PLLCFGR_PLLSRC_HSI16) | ((m - 1u) << 4) |
                  (n << 8) | (r << 25) | RCC_PLLCFGR_PLLREN;
    set_bits(&RCC_CR, RCC_CR_PLLON);
}

static void set_wait_states(void)
{
    replace_bits(&FLASH_ACR, FLASH_ACR_LATENCY,
                 BOARD_WAIT_STATES | FLASH_ACR_PRFTEN | FLASH_ACR_ICEN | FLASH_ACR_DCEN);
    while ((FLASH_ACR & FLASH_ACR_LATENCY) != BOARD_WAIT_STATES) {
    }
}

static void set_prescalers(void)
{
    replace_bits(&RCC_CFGR, RCC_CFGR_HPRE | RCC_CFGR_PPRE1 | RCC_CFGR_PPRE2,
                 (BOARD_APB1_PRESCALER << 8) | (BOARD_APB2_PRESCALER << 11));
}

static void switch_to_pll(void)
{
    wait_for(&RCC_CR, RCC_CR_PLLRDY);
    replace_bits(&RCC_CFGR, RCC_CFGR_SW, RCC_CFGR_SW_PLL);
    while ((RCC_CFGR & RCC_CFGR_SWS) != RCC_CFGR_SWS_PLL) {
    }
}

void clock_init(void)
{
    set_voltage_range_1();
    start_pll();
    set_wait_states();
    set_prescalers();
    switch_to_pll();
}
