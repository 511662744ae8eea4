#include "platform.h"

#include <stdbool.h>

#include "board.h"
#include "drivers.h"

/* Before that, whoever waited for it would wait for ever: a fault then only restarts the core. */
static bool uart_is_up;

void platform_init(void)
{
    core_protect_memory();
    clock_init();
    core_enable_caches();
    cycles_init();
    uart_init();
    uart_is_up = true;
}

int platform_uart_read_byte(uint8_t *byte)
{
    return uart_read_byte(byte);
}

void platform_uart_write(const uint8_t *data, size_t length)
{
    if (uart_is_up) {
        uart_write(data, length);
    }
}

uint64_t platform_cycles(void)
{
    return cycles_now();
}

uint32_t platform_clock_hz(void)
{
    return BOARD_CLOCK_HZ;
}

void platform_reset(void)
{
    if (uart_is_up) {
        uart_drain();
    }
    core_reset();
}
