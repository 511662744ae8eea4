/* What the application needs of the board. */

#ifndef PLATFORM_H
#define PLATFORM_H

#include <stddef.h>
#include <stdint.h>

/* Memory protection, clock tree, caches, cycle counter, UART. Call it first. */
void platform_init(void);

/* Does not wait; 1 if a byte was read, 0 if there was none. */
int platform_uart_read_byte(uint8_t *byte);

/* Returns when the UART has taken every byte. */
void platform_uart_write(const uint8_t *data, size_t length);

/* The core's cycles since platform_init; 64 bits, so they do not wrap. */
uint64_t platform_cycles(void);

/* Of the core, Hz. */
uint32_t platform_clock_hz(void);

/* The most bytes of stack that were in use since the start. */
uint32_t platform_stack_high_water(void);

/* Restarts the core after the last byte has left the UART. */
__attribute__((noreturn)) void platform_reset(void);

#endif
