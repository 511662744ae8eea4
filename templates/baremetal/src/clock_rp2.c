/* RP2040 and RP2350 at full clock: from the crystal, then from the system PLL. */

#include "drivers.h"
#include "rp2_registers.h"

#define XOSC_CTRL_ENABLE (0xFABu << 12)
#define XOSC_CTRL_FREQ_RANGE_1_15MHZ 0xAA0u
#define XOSC_STATUS_STABLE (1u << 31)
#define PLL_CS_LOCK (1u << 31)
#define PLL_PWR_PD (1u << 0)
#define PLL_PWR_POSTDIVPD (1u << 3)
#define PLL_PWR_VCOPD (1u << 5)
#define CLK_REF_CTRL_SRC_XOSC 2u
#define CLK_SYS_CTRL_SRC_AUX 1u
#define CLK_PERI_CTRL_ENABLE (1u << 11)

/* Of the two dividers behind the VCO the first is the larger. */
#define POSTDIV1 (BOARD_PLL_DIVIDER % 6u == 0u ? 6u : BOARD_PLL_DIVIDER % 5u == 0u ? 5u : 4u)
#define POSTDIV2 (BOARD_PLL_DIVIDER / POSTDIV1)

_Static_assert(POSTDIV1 * POSTDIV2 == BOARD_PLL_DIVIDER && POSTDIV2 <= POSTDIV1, "PLL_PRIM");
_Static_assert(BOARD_VCO_INPUT_HZ == BOARD_HSE_HZ, "REFDIV is 1");
_Static_assert(BOARD_VCO_HZ / BOARD_VCO_INPUT_HZ >= 16u, "FBDIV is 16 or more");
_Static_assert(BOARD_VCO_HZ / BOARD_VCO_INPUT_HZ <= 320u, "FBDIV is 320 or less");

static void start_crystal(void)
{
    XOSC_CTRL = XOSC_CTRL_FREQ_RANGE_1_15MHZ;
    /* A millisecond, in units of 256 cycles, and six times that: slow crystals need it. */
    XOSC_STARTUP = 6u * ((BOARD_HSE_HZ / 1000u + 128u) / 256u);
    set_bits(&XOSC_CTRL, XOSC_CTRL_ENABLE);
    while ((XOSC_STATUS & XOSC_STATUS_STABLE) == 0u) {
    }
}

/* Core and reference from the crystal while the PLL is set: a boot loader may have used it. */
static void run_from_crystal(void)
{
    replace_bits(&CLK_REF_CTRL, 3u, CLK_REF_CTRL_SRC_XOSC);
    while ((CLK_REF_SELECTED & (1u << CLK_REF_CTRL_SRC_XOSC)) == 0u) {
    }
    replace_bits(&CLK_SYS_CTRL, 1u, 0);
    while ((CLK_SYS_SELECTED & 1u) == 0u) {
    }
}

/* The dividers behind the VCO are switched on once it is locked. */
static void start_pll(void)
{
    set_bits(&RESETS_RESET, 1u << RESETS_PLL_SYS);
    rp2_take_out_of_reset(RESETS_PLL_SYS);
    PLL_CS = 1;
    PLL_FBDIV_INT = BOARD_VCO_HZ / BOARD_VCO_INPUT_HZ;
    replace_bits(&PLL_PWR, PLL_PWR_PD | PLL_PWR_VCOPD, 0);
    while ((PLL_CS & PLL_CS_LOCK) == 0u) {
    }
    PLL_PRIM = (POSTDIV1 << 16) | (POSTDIV2 << 12);
    replace_bits(&PLL_PWR, PLL_PWR_POSTDIVPD, 0);
}

/* The other source is chosen first, then the switch that does not glitch. */
static void run_from_pll(void)
{
    replace_bits(&CLK_SYS_CTRL, 7u << 5, 0);
    set_bits(&CLK_SYS_CTRL, CLK_SYS_CTRL_SRC_AUX);
    while ((CLK_SYS_SELECTED & (1u << CLK_SYS_CTRL_SRC_AUX)) == 0u) {
    }
    CLK_PERI_CTRL = CLK_PERI_CTRL_ENABLE;
}

void clock_init(void)
{
    start_crystal();
    run_from_crystal();
    start_pll();
    run_from_pll();
}
