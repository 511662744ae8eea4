/* GPIO of the nRF52840, named as in its product specification. */

#ifndef NRF_GPIO_H
#define NRF_GPIO_H

#include "registers.h"

#define GPIO_BASE(port) (0x50000000u + 0x300u * (port))
#define OUTSET(port) REGISTER(GPIO_BASE(port) + 0x508u)
#define OUTCLR(port) REGISTER(GPIO_BASE(port) + 0x50Cu)
#define PIN_CNF(port, pin) REGISTER(GPIO_BASE(port) + 0x700u + 4u * (pin))

/* An output has its input buffer disconnected. */
enum { PIN_CNF_OUTPUT = 3, PIN_CNF_INPUT_PULLUP = 3 << 2 };

/* Makes the pin a push-pull output, which after a reset is low. */
static inline void gpio_use_output(uint32_t port, uint32_t pin)
{
    PIN_CNF(port, pin) = PIN_CNF_OUTPUT;
}

static inline void gpio_write(uint32_t port, uint32_t pin, int high)
{
    if (high) {
        OUTSET(port) = 1u << pin;
    } else {
        OUTCLR(port) = 1u << pin;
    }
}

#endif
