/* nRF52840: the core always runs at 64 MHz; here from the crystal, so that the UART's rate is
   exact. Registers named as in the nRF52840 product specification. */

#include "drivers.h"
#include "registers.h"

#define TASKS_HFCLKSTART REGISTER(0x40000000u)
#define EVENTS_HFCLKSTARTED REGISTER(0x40000100u)
#define ICACHECNF REGISTER(0x4001E540u)

#define ICACHECNF_CACHEEN 1u

void clock_init(void)
{
    EVENTS_HFCLKSTARTED = 0;
    TASKS_HFCLKSTART = 1;
    while (EVENTS_HFCLKSTARTED == 0u) {
    }
    ICACHECNF = ICACHECNF_CACHEEN;
}
