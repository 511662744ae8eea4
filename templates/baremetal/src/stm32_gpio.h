/* GPIO of the STM32F4 and F7, named as in RM0390 and RM0385. */

#ifndef STM32_GPIO_H
#define STM32_GPIO_H

#include "registers.h"

#define RCC_AHB1ENR REGISTER(0x40023830u)
#define GPIO_BASE(port) (0x40020000u + 0x400u * (port))
#define GPIO_MODER(port) REGISTER(GPIO_BASE(port) + 0x00u)
#define GPIO_OSPEEDR(port) REGISTER(GPIO_BASE(port) + 0x08u)
#define GPIO_PUPDR(port) REGISTER(GPIO_BASE(port) + 0x0Cu)
#define GPIO_AFR(port, half) REGISTER(GPIO_BASE(port) + 0x20u + 4u * (half))

/* Gives the pin to a peripheral, pulled up so that an open line is idle; port 0 is A. */
static inline void gpio_use_alternate(uint32_t port, uint32_t pin, uint32_t function)
{
    set_bits(&RCC_AHB1ENR, 1u << port);
    (void)RCC_AHB1ENR; /* the peripheral is there two bus cycles after its clock */
    replace_bits(&GPIO_AFR(port, pin / 8u), 15u << (4u * (pin % 8u)),
                 function << (4u * (pin % 8u)));
    replace_bits(&GPIO_OSPEEDR(port), 3u << (2u * pin), 2u << (2u * pin));
    replace_bits(&GPIO_PUPDR(port), 3u << (2u * pin), 1u << (2u * pin));
    replace_bits(&GPIO_MODER(port), 3u << (2u * pin), 2u << (2u * pin));
}

/* Makes the pin a push-pull output. */
static inline void gpio_use_output(uint32_t port, uint32_t pin)
{
    set_bits(&RCC_AHB1ENR, 1u << port);
    (void)RCC_AHB1ENR;
    replace_bits(&GPIO_MODER(port), 3u << (2u * pin), 1u << (2u * pin));
}

#endif
