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

void clock_init(void)
{
    rcc_wait_for_hsi();
    rcc_enable_power_control();
    set_bits(&PWR_CR1, PWR_CR1_VOS); /* scale 1; it can be set only while the PLL is off */
    rcc_start_pll();

    set_bits(&PWR_CR1, PWR_CR1_ODEN);
    wait_for(&PWR_CSR1, PWR_CSR1_ODRDY);
    set_bits(&PWR_CR1, PWR_CR1_ODSWEN);
    wait_for(&PWR_CSR1, PWR_CSR1_ODSWRDY);

    replace_bits(&FLASH_ACR, FLASH_ACR_LATENCY, BOARD_WAIT_STATES);
    while ((FLASH_ACR & FLASH_ACR_LATENCY) != BOARD_WAIT_STATES) {
    }
    /* The accelerator can be emptied only while it is off. */
    set_bits(&FLASH_ACR, FLASH_ACR_ARTRST);
    replace_bits(&FLASH_ACR, FLASH_ACR_ARTRST, FLASH_ACR_PRFTEN | FLASH_ACR_ARTEN);

    rcc_switch_to_pll();
}
