/* GPIO of the STM32F4, F7, H7 and L4, named as in RM0390, RM0385, RM0433 and RM0351. */

#ifndef STM32_GPIO_H
#define STM32_GPIO_H

#include "board.h"
#include "registers.h"

/* RCC_AHB1ENR, AHB4ENR or AHB2ENR, by family. */
#define RCC_GPIO_ENR REGISTER(BOARD_GPIO_ENABLE_REGISTER)
#define GPIO_BASE(port) (BOARD_GPIO_BASE + 0x400u * (port))
#define GPIO_MODER(port) REGISTER(GPIO_BASE(port) + 0x00u)
#define GPIO_OSPEEDR(port) REGISTER(GPIO_BASE(port) + 0x08u)
#define GPIO_PUPDR(port) REGISTER(GPIO_BASE(port) + 0x0Cu)
#define GPIO_BSRR(port) REGISTER(GPIO_BASE(port) + 0x18u)
#define GPIO_AFR(port, half) REGISTER(GPIO_BASE(port) + 0x20u + 4u * (half))

/* Gives the pin to a peripheral, pulled up so that an open line is idle; port 0 is A. */
static inline void gpio_use_alternate(uint32_t port, uint32_t pin, uint32_t function)
{
    set_bits(&RCC_GPIO_ENR, 1u << port);
    (void)RCC_GPIO_ENR; /* the peripheral is there two bus cycles after its clock */
    replace_bits(&GPIO_AFR(port, pin / 8u), 15u << (4u * (pin % 8u)),
                 function << (4u * (pin % 8u)));
    replace_bits(&GPIO_OSPEEDR(port), 3u << (2u * pin), 2u << (2u * pin));
    replace_bits(&GPIO_PUPDR(port), 3u << (2u * pin), 1u << (2u * pin));
    replace_bits(&GPIO_MODER(port), 3u << (2u * pin), 2u << (2u * pin));
}

/* Makes the pin a push-pull output, which after a reset is low. */
static inline void gpio_use_output(uint32_t port, uint32_t pin)
{
    set_bits(&RCC_GPIO_ENR, 1u << port);
    (void)RCC_GPIO_ENR;
    replace_bits(&GPIO_MODER(port), 3u << (2u * pin), 1u << (2u * pin));
}

static inline void gpio_write(uint32_t port, uint32_t pin, int high)
{
    GPIO_BSRR(port) = 1u << (high ? pin : pin + 16u);
}

#endif
