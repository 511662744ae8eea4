/* What platform.c and the faults' handler need of the drivers; one file of each kind is built. */

#ifndef DRIVERS_H
#define DRIVERS_H

#include <stddef.h>
#include <stdint.h>

/* clock_KIND.c: brings the core to BOARD_CLOCK_HZ, flash wait states included. */
void clock_init(void);

/* uart_KIND.c */
void uart_init(void);
int uart_read_byte(uint8_t *byte);
void uart_write(const uint8_t *data, size_t length);
/* Returns when the last bit has left the line. */
void uart_drain(void);

/* cycles_KIND.c */
void cycles_init(void);
uint64_t cycles_now(void);
/* The handler of SysTick's interrupt, where BOARD_TICKS is 1. */
void cycles_tick(void);

/* core_ARCHITECTURE.c */
void core_protect_memory(void);
void core_enable_caches(void);
__attribute__((noreturn)) void core_reset(void);

#endif
