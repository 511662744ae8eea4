/* The platform interface on QEMU's MPS2 machines: see main.c. */

#ifndef PLATFORM_H
#define PLATFORM_H

#include <stddef.h>
#include <stdint.h>

int platform_uart_read_byte(uint8_t *byte);
void platform_uart_write(const uint8_t *data, size_t length);
uint64_t platform_cycles(void);
uint32_t platform_clock_hz(void);
uint32_t platform_stack_high_water(void);
void platform_reset(void);

#endif
