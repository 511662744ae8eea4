/* Timestamps for energy monitors: falling edges of the board's timestamp pin. */

#include "board.h"
#include "mlperf_tiny.h"
#include "platform.h"

#if !defined(BOARD_TIMESTAMP_PORT)
#error "timestamps by edges need a timestamp pin in the board file"
#endif

#include BOARD_GPIO_HEADER

/* The reference firmware holds its pin low for a millisecond or so; the monitors ask for 1 us. */
enum { EDGES_HELD_PER_SECOND = 20000 };

void mlperf_edge_init(void)
{
    gpio_use_output(BOARD_TIMESTAMP_PORT, BOARD_TIMESTAMP_PIN);
    gpio_write(BOARD_TIMESTAMP_PORT, BOARD_TIMESTAMP_PIN, 1);
}

void mlperf_edge(void)
{
    gpio_write(BOARD_TIMESTAMP_PORT, BOARD_TIMESTAMP_PIN, 0);
    const uint64_t begin = platform_cycles();
    while (platform_cycles() - begin < platform_clock_hz() / EDGES_HELD_PER_SECOND) {
    }
    gpio_write(BOARD_TIMESTAMP_PORT, BOARD_TIMESTAMP_PIN, 1);
}
