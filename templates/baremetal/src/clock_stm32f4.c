/* STM32F446 at full clock, in the order that RM0390 gives for over-drive. */

#include "drivers.h"
#include "stm32_rcc.h"

#define PWR_CR REGISTER(0x40007000u)
#define PWR_CSR REGISTER(0x40007004u)
#define FLASH_ACR REGISTER(0x40023C00u)

#define PWR_CR_VOS (3u << 14)
#define PWR_CR_ODEN (1u << 16)
#define PWR_CR_ODSWEN (1u << 17)
#define PWR_CSR_ODRDY (1u << 16)
#define PWR_CSR_ODSWRDY (1u << 17)
#define FLASH_ACR_LATENCY 15u
#define FLASH_ACR_PRFTEN (1u << 8)
#define FLASH_ACR_ICEN (1u << 9)
#define FLASH_ACR_DCEN (1u << 10)

/* It can be set only while the PLL is off. */
static void set_voltage_scale_1(void)
{
    set_bits(&PWR_CR, PWR_CR_VOS);
}

static void enable_over_drive(void)
{
    set_bits(&PWR_CR, PWR_CR_ODEN);
    wait_for(&PWR_CSR, PWR_CSR_ODRDY);
    set_bits(&PWR_CR, PWR_CR_ODSWEN);
    wait_for(&PWR_CSR, PWR_CSR_ODSWRDY);
}

static void set_wait_states(void)
{
    replace_bits(&FLASH_ACR, FLASH_ACR_LATENCY, BOARD_WAIT_STATES);
    while ((FLASH_ACR & FLASH_ACR_LATENCY) != BOARD_WAIT_STATES) {
    }
}

static void enable_accelerator(void)
{
    set_bits(&FLASH_ACR, FLASH_ACR_PRFTEN | FLASH_ACR_ICEN | FLASH_ACR_DCEN);
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
