/* STM32H743 (revision V) at full clock: supply and voltage scale 0 before wait states and PLL, as
   RM0433 orders them. */

#include "drivers.h"
#include "stm32_wait.h"

#define FLASH_ACR REGISTER(0x52002000u)
#define SYSCFG_PWRCR REGISTER(0x5800042Cu)
#define RCC_CR REGISTER(0x58024400u)
#define RCC_CFGR REGISTER(0x58024410u)
#define RCC_D1CFGR REGISTER(0x58024418u)
#define RCC_D2CFGR REGISTER(0x5802441Cu)
#define RCC_D3CFGR REGISTER(0x58024420u)
#define RCC_PLLCKSELR REGISTER(0x58024428u)
#define RCC_PLLCFGR REGISTER(0x5802442Cu)
#define RCC_PLL1DIVR REGISTER(0x58024430u)
#define RCC_APB4ENR REGISTER(0x580244F4u)
#define PWR_CSR1 REGISTER(0x58024804u)
#define PWR_CR3 REGISTER(0x5802480Cu)
#define PWR_D3CR REGISTER(0x58024818u)

#define FLASH_ACR_LATENCY 15u
#define FLASH_ACR_WRHIGHFREQ (3u << 4)
#define SYSCFG_PWRCR_ODEN 1u
#define RCC_CR_HSIRDY (1u << 2)
#define RCC_CFGR_SW 7u
#define RCC_CFGR_SW_PLL1 3u
#define RCC_CFGR_SWS (7u << 3)
#define RCC_CFGR_SWS_PLL1 (3u << 3)
#define RCC_PLLCKSELR_PLLSRC_HSE 2u
#define RCC_PLLCFGR_PLL1_FIELDS ((15u << 0) | (7u << 16))
#define RCC_PLLCFGR_PLL1RGE_4_TO_8_MHZ (2u << 2)
#define RCC_PLLCFGR_DIVP1EN (1u << 16)
#define RCC_APB4ENR_SYSCFGEN (1u << 1)
#define PWR_CSR1_ACTVOSRDY (1u << 13)
#define PWR_CR3_SUPPLY 7u
#define PWR_CR3_LDOEN (1u << 1)
#define PWR_D3CR_VOSRDY (1u << 13)
#define PWR_D3CR_VOS_SCALE_1 (3u << 14)

#define HSI_HZ 64000000u

_Static_assert(BOARD_AHB_DIVIDER == 2, "the bus runs at half the core's clock");
_Static_assert(BOARD_VCO_INPUT_HZ >= 4000000u && BOARD_VCO_INPUT_HZ <= 8000000u, "PLL1RGE");

/* The supply can be chosen once after power-on; here it is the linear regulator. */
static void set_supply(void)
{
    replace_bits(&PWR_CR3, PWR_CR3_SUPPLY, PWR_CR3_LDOEN);
    wait_for(&PWR_CSR1, PWR_CSR1_ACTVOSRDY);
}

/* Scale 0 is scale 1 with over-drive. */
static void set_voltage_scale_0(void)
{
    set_bits(&PWR_D3CR, PWR_D3CR_VOS_SCALE_1);
    wait_for(&PWR_D3CR, PWR_D3CR_VOSRDY);
    set_bits(&RCC_APB4ENR, RCC_APB4ENR_SYSCFGEN);
    (void)RCC_APB4ENR; /* the peripheral is there two bus cycles after its clock */
    set_bits(&SYSCFG_PWRCR, SYSCFG_PWRCR_ODEN);
    (void)SYSCFG_PWRCR;
    wait_for(&PWR_D3CR, PWR_D3CR_VOSRDY);
}

/* From the external clock, or where there is none from the internal oscillator. */
static void start_pll(void)
{
    const uint32_t hse = rcc_start_hse(&RCC_CR);
    const uint32_t m = (hse ? BOARD_HSE_HZ : HSI_HZ) / BOARD_VCO_INPUT_HZ;
    const uint32_t n = BOARD_VCO_HZ / BOARD_VCO_INPUT_HZ;
    replace_bits(&RCC_PLLCKSELR, (63u << 4) | 3u, (m << 4) | (hse ? RCC_PLLCKSELR_PLLSRC_HSE : 0u));
    replace_bits(&RCC_PLLCFGR, RCC_PLLCFGR_PLL1_FIELDS,
                 RCC_PLLCFGR_PLL1RGE_4_TO_8_MHZ | RCC_PLLCFGR_DIVP1EN);
    replace_bits(&RCC_PLL1DIVR, 0xFFFFu, (n - 1u) | ((BOARD_PLL_DIVIDER - 1u) << 9));
    set_bits(&RCC_CR, RCC_CR_PLLON);
}

/* WRHIGHFREQ 2 belongs to the fastest bus clocks. */
static void set_wait_states(void)
{
    replace_bits(&FLASH_ACR, FLASH_ACR_LATENCY | FLASH_ACR_WRHIGHFREQ,
                 BOARD_WAIT_STATES | (2u << 4));
    while ((FLASH_ACR & FLASH_ACR_LATENCY) != BOARD_WAIT_STATES) {
    }
}

/* The core undivided, AXI and AHB at half of it; APB3 and APB4 as APB1. */
static void set_prescalers(void)
{
    RCC_D1CFGR = 8u | (BOARD_APB1_PRESCALER << 4);
    RCC_D2CFGR = (BOARD_APB1_PRESCALER << 4) | (BOARD_APB2_PRESCALER << 8);
    RCC_D3CFGR = BOARD_APB1_PRESCALER << 4;
}

static void switch_to_pll(void)
{
    wait_for(&RCC_CR, RCC_CR_PLLRDY);
    replace_bits(&RCC_CFGR, RCC_CFGR_SW, RCC_CFGR_SW_PLL1);
    while ((RCC_CFGR & RCC_CFGR_SWS) != RCC_CFGR_SWS_PLL1) {
    }
}

void clock_init(void)
{
    wait_for(&RCC_CR, RCC_CR_HSIRDY);
    set_supply();
    set_voltage_scale_0();
    start_pll();
    set_wait_states();
    set_prescalers();
    switch_to_pll();
}
