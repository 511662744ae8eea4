/* The blocks of the RP2040 and RP2350 that the drivers use, which have the same registers at
   different addresses; named as in their data sheets. */

#ifndef RP2_REGISTERS_H
#define RP2_REGISTERS_H

#include "board.h"
#include "registers.h"

#if __ARM_ARCH >= 8 /* the RP2350's Cortex-M33 */
#define CLOCKS_BASE 0x40010000u
#define RESETS_BASE 0x40020000u
#define IO_BANK0_BASE 0x40028000u
#define PADS_BANK0_BASE 0x40038000u
#define XOSC_BASE 0x40048000u
#define PLL_SYS_BASE 0x40050000u
enum { RESETS_IO_BANK0 = 6, RESETS_PADS_BANK0 = 9, RESETS_PLL_SYS = 14 };
#else
#define CLOCKS_BASE 0x40008000u
#define RESETS_BASE 0x4000C000u
#define IO_BANK0_BASE 0x40014000u
#define PADS_BANK0_BASE 0x4001C000u
#define XOSC_BASE 0x40024000u
#define PLL_SYS_BASE 0x40028000u
enum { RESETS_IO_BANK0 = 5, RESETS_PADS_BANK0 = 8, RESETS_PLL_SYS = 12 };
#endif

#define RESETS_RESET REGISTER(RESETS_BASE + 0x0u)
#define RESETS_RESET_DONE REGISTER(RESETS_BASE + 0x8u)
#define CLK_REF_CTRL REGISTER(CLOCKS_BASE + 0x30u)
#define CLK_REF_SELECTED REGISTER(CLOCKS_BASE + 0x38u)
#define CLK_SYS_CTRL REGISTER(CLOCKS_BASE + 0x3Cu)
#define CLK_SYS_SELECTED REGISTER(CLOCKS_BASE + 0x44u)
#define CLK_PERI_CTRL REGISTER(CLOCKS_BASE + 0x48u)
#define XOSC_CTRL REGISTER(XOSC_BASE + 0x0u)
#define XOSC_STATUS REGISTER(XOSC_BASE + 0x4u)
#define XOSC_STARTUP REGISTER(XOSC_BASE + 0xCu)
#define PLL_CS REGISTER(PLL_SYS_BASE + 0x0u)
#define PLL_PWR REGISTER(PLL_SYS_BASE + 0x4u)
#define PLL_FBDIV_INT REGISTER(PLL_SYS_BASE + 0x8u)
#define PLL_PRIM REGISTER(PLL_SYS_BASE + 0xCu)

#define PADS_GPIO(pin) REGISTER(PADS_BANK0_BASE + 4u + 4u * (pin))
#define IO_GPIO_CTRL(pin) REGISTER(IO_BANK0_BASE + 4u + 8u * (pin))

static inline void rp2_take_out_of_reset(uint32_t block)
{
    replace_bits(&RESETS_RESET, 1u << block, 0);
    while ((RESETS_RESET_DONE & (1u << block)) == 0u) {
    }
}

#endif
