/* STM32F74x and F75x at full clock, in the order that RM0385 gives for over-drive. */

#include "drivers.h"
#include "stm32_rcc.h"

#define PWR_CR1 REGISTER(0x40007000u)
#define PWR_CSR1 REGISTER(0x40007004u)
#define FLASH_ACR REGISTER(0x40023C00u)

#define PWR_CR1_VOS (3u << 14)
#define PWR_CR1_ODEN (1u << 16)
#define PWR_CR1_ODSWEN (1u << 17)
#define PWR_CSR1_ODRDY (1u << 16)
#define PWR_CSR1_ODSWRDY (1u << 17)
#define FLASH_ACR_LATENCY 15u
#define FLASH_ACR_PRFTEN (1u << 8)
#define FLASH_ACR_ARTEN (1u << 9)
#define FLASH_ACR_ARTRST (1u << 11)

/* It can be set only while the PLL is off. */
static void set_voltage_scale_1(void)
{
    set_bits(&PWR_CR1, PWR_CR1_VOS);
}

static void enable_over_drive(void)
{
    set_bits(&PWR_CR1, PWR_CR1_ODEN);
    wait_for(&PWR_CSR1, PWR_CSR1_ODRDY);
    set_bits(&PWR_CR1, PWR_CR1_ODSWEN);
    wait_for(&PWR_CSR1, PWR_CSR1_ODSWRDY);
}

static void set_wait_states(void)
{
    replace_bits(&FLASH_ACR, FLASH_ACR_LATENCY, BOARD_WAIT_STATES);
    while ((FLASH_ACR & FLASH_ACR_LATENCY) != BOARD_WAIT_STATES) {
    }
}

/* The accelerator can be emptied only while it is off. */
static void enable_accelerator(void)
{
    set_bits(&FLASH_ACR, FLASH_ACR_ARTRST);
    replace_bits(&FLASH_ACR, FLASH_ACR_ARTRST, FLASH_ACR_PRFTEN | FLASH_ACR_ARTEN);
}

void clock_init(void)
{
    rcc_wait_for_hsi();
    rcc_enable_power_control();
    set_voltage_scale_1();
    rcc_start_pll();
    enable_over_drive();
    set_wait_states();
    enable_accelerator();
    rcc_set_prescalers();
    rcc_switch_to_pll();
}
