#include "platform.h"

#include "board.h"
#include "drivers.h"

void platform_init(void)
{
    core_protect_memory();
    clock_init();
    core_enable_caches();
    cycles_init();
    uart_init();
}

int platform_uart_read_byte(uint8_t *byte)
{
    return uart_read_byte(byte);
}

void platform_uart_write(const uint8_t *data, size_t length)
{
    uart_write(data, length);
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
    uart_drain();
    core_reset();
}
