/* Pins of the RP2040 and RP2350: their pads, their functions, and the single-cycle outputs, named
   as in the data sheets. IO_BANK0 and PADS_BANK0 are out of reset by then. */

#ifndef RP2_GPIO_H
#define RP2_GPIO_H

#include "rp2_registers.h"

#define SIO_BASE 0xD0000000u
#if __ARM_ARCH >= 8 /* the RP2350's Cortex-M33: registers of the upper pins lie between */
#define GPIO_OUT_SET REGISTER(SIO_BASE + 0x18u)
#define GPIO_OUT_CLR REGISTER(SIO_BASE + 0x20u)
#define GPIO_OE_SET REGISTER(SIO_BASE + 0x38u)
#else
#define GPIO_OUT_SET REGISTER(SIO_BASE + 0x14u)
#define GPIO_OUT_CLR REGISTER(SIO_BASE + 0x18u)
#define GPIO_OE_SET REGISTER(SIO_BASE + 0x24u)
#endif

enum { FUNCSEL_SIO = 5 };
enum { PADS_PUE = 1 << 3, PADS_PDE = 1 << 2, PADS_IE = 1 << 6, PADS_OD_AND_ISO = (1 << 7) | (1 << 8) };

/* The input is on and pulled up, the output not disabled; the RP2350 also isolates its pads until
   they are set. */
static inline void rp2_use_pin(uint32_t pin, uint32_t function)
{
    IO_GPIO_CTRL(pin) = function;
    replace_bits(&PADS_GPIO(pin), PADS_OD_AND_ISO | PADS_PDE, PADS_IE | PADS_PUE);
}

/* Makes the pin a push-pull output, low at first. These chips have one port. */
static inline void gpio_use_output(uint32_t port, uint32_t pin)
{
    (void)port;
    GPIO_OUT_CLR = 1u << pin;
    GPIO_OE_SET = 1u << pin;
    rp2_use_pin(pin, FUNCSEL_SIO);
}

static inline void gpio_write(uint32_t port, uint32_t pin, int high)
{
    (void)port;
    if (high) {
        GPIO_OUT_SET = 1u << pin;
    } else {
        GPIO_OUT_CLR = 1u << pin;
    }
}

#endif
