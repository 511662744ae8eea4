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

void clock_init(void)
{
    rcc_wait_for_hsi();
    rcc_enable_power_control();
    set_bits(&PWR_CR, PWR_CR_VOS); /* scale 1; it can be set only while the PLL is off */
    rcc_start_pll();

    set_bits(&PWR_CR, PWR_CR_ODEN);
    wait_for(&PWR_CSR, PWR_CSR_ODRDY);
    set_bits(&PWR_CR, PWR_CR_ODSWEN);
    wait_for(&PWR_CSR, PWR_CSR_ODSWRDY);

    replace_bits(&FLASH_ACR, FLASH_ACR_LATENCY,
                 BOARD_WAIT_STATES | FLASH_ACR_PRFTEN | FLASH_ACR_ICEN | FLASH_ACR_DCEN);
    while ((FLASH_ACR & FLASH_ACR_LATENCY) != BOARD_WAIT_STATES) {
    }

    rcc_switch_to_pll();
}
