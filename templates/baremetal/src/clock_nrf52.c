/* nRF52840: the core always runs at 64 MHz; here from the crystal, so that the UART's rate is
   exact. Registers named as in the nRF52840 product specification. */

#include "drivers.h"
#include "registers.h"

#define TASKS_HFCLKSTART REGISTER(0x40000000u)
#define EVENTS_HFCLKSTARTED REGISTER(0x40000100u)
#define APPROTECT_DISABLE REGISTER(0x40000558u)
#define ICACHECNF REGISTER(0x4001E540u)
#define UICR_APPROTECT REGISTER(0x10001208u)
/* Not in the specification: Nordic's system_nrf52_approtect.h tells the chip's revision by them. */
#define FICR_CHIP REGISTER(0x10000130u)
#define FICR_CHIP_REVISION REGISTER(0x10000134u)

#define ICACHECNF_CACHEEN 1u
#define CHIP_NRF52840 8u
#define LAST_REVISION_WITHOUT_DISABLE 4u

/* Some 10 ms; a crystal starts within one. */
#define HFXO_TURNS 100000u

/* Newer chips close the debug port at every reset until firmware opens it as the configuration
   wants it: without this, the board could only be flashed again after everything was erased. */
static void keep_debug_port_as_configured(void)
{
    if (FICR_CHIP != CHIP_NRF52840 || FICR_CHIP_REVISION > LAST_REVISION_WITHOUT_DISABLE) {
        APPROTECT_DISABLE = UICR_APPROTECT;
    }
}

/* Where there is no crystal the core stays on the internal oscillator. */
static void start_crystal(void)
{
    EVENTS_HFCLKSTARTED = 0;
    TASKS_HFCLKSTART = 1;
    for (uint32_t turn = 0; turn < HFXO_TURNS && EVENTS_HFCLKSTARTED == 0u; turn++) {
    }
}

void clock_init(void)
{
    keep_debug_port_as_configured();
    start_crystal();
    ICACHECNF = ICACHECNF_CACHEEN;
}
