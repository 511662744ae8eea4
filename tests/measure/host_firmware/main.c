/* protocol.c as a program: requests on standard input, answers on standard output. */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "network.h"
#include "platform.h"
#include "protocol.h"

int8_t network_input[NETWORK_INPUT_BYTES];
int8_t network_output[NETWORK_OUTPUT_BYTES];

static struct profile_entry entries[NETWORK_LAYER_COUNT];
static uint32_t entry_count;
static uint32_t runs;
static uint64_t time_passed;

int32_t network_run(void)
{
    runs++;
    for (uint32_t i = 0; i < NETWORK_OUTPUT_BYTES; i++) {
        network_output[i] = (int8_t)(network_input[i] + 1);
    }
    for (entry_count = 0; entry_count < NETWORK_LAYER_COUNT; entry_count++) {
        entries[entry_count].layer = entry_count;
        entries[entry_count].cycles = ((uint64_t)entry_count << 32) + 1000u;
    }
    time_passed += 123456u;
    return 0;
}

uint32_t profile_count(void)
{
    return entry_count;
}

const struct profile_entry *profile_entries(void)
{
    return entries;
}

void profile_reset(void)
{
    entry_count = 0;
}

int platform_uart_read_byte(uint8_t *byte)
{
    if (read(STDIN_FILENO, byte, 1) != 1) {
        exit(0);
    }
    return 1;
}

void platform_uart_write(const uint8_t *data, size_t length)
{
    while (length > 0) {
        const ssize_t written = write(STDOUT_FILENO, data, length);
        if (written <= 0) {
            exit(1);
        }
        data += written;
        length -= (size_t)written;
    }
}

uint64_t platform_cycles(void)
{
    return time_passed;
}

uint32_t platform_clock_hz(void)
{
    return 216000000u;
}

/* How often the network ran, so that a test sees that a repeated request runs it once. */
uint32_t platform_stack_high_water(void)
{
    return runs;
}

void platform_reset(void)
{
    static char *const arguments[] = {"firmware", NULL};
    execv("/proc/self/exe", arguments);
}

int main(void)
{
    sqtvm_protocol_serve();
    return 0;
}
