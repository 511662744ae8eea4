/* The measuring application's platform on Zephyr. */

#include "platform.h"

#include <zephyr/device.h>
#include <zephyr/devicetree.h>
#include <zephyr/drivers/uart.h>
#include <zephyr/kernel.h>
#include <zephyr/sys/reboot.h>

#if defined(CONFIG_TIMING_FUNCTIONS)
#include <zephyr/timing/timing.h>
#endif

/* A byte at 115200 baud takes 87 us; UARTs hold back a few when they say that they took all. */
enum { DRAIN_MICROSECONDS = 5000 };

static const struct device *const uart = DEVICE_DT_GET(DT_CHOSEN(zephyr_console));

static uint64_t cycles;

#if defined(CONFIG_TIMING_FUNCTIONS)
static timing_t last;

static void counter_start(void)
{
    timing_init();
    timing_start();
    last = timing_counter_get();
}

static uint64_t counter_advance(void)
{
    timing_t now = timing_counter_get();
    const uint64_t passed = timing_cycles_get(&last, &now);
    last = now;
    return passed;
}

uint32_t platform_clock_hz(void)
{
    return (uint32_t)timing_freq_get();
}
#else
static uint32_t last;

static void counter_start(void)
{
    last = k_cycle_get_32();
}

static uint64_t counter_advance(void)
{
    const uint32_t now = k_cycle_get_32();
    const uint32_t passed = now - last;
    last = now;
    return passed;
}

uint32_t platform_clock_hz(void)
{
    return (uint32_t)sys_clock_hw_cycles_per_sec();
}
#endif

void platform_init(void)
{
    /* Without its UART nothing can be said about it either. */
    while (!device_is_ready(uart)) {
    }
    counter_start();
}

int platform_uart_read_byte(uint8_t *byte)
{
    return uart_poll_in(uart, byte) == 0 ? 1 : 0;
}

void platform_uart_write(const uint8_t *data, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        uart_poll_out(uart, data[i]);
    }
}

uint64_t platform_cycles(void)
{
    cycles += counter_advance();
    return cycles;
}

uint32_t platform_stack_high_water(void)
{
    size_t unused = 0;
    const struct k_thread *thread = k_current_get();
    if (k_thread_stack_space_get(thread, &unused) != 0) {
        return 0;
    }
    return (uint32_t)(thread->stack_info.size - unused);
}

void platform_reset(void)
{
    k_busy_wait(DRAIN_MICROSECONDS);
    sys_reboot(SYS_REBOOT_WARM);
    CODE_UNREACHABLE;
}
