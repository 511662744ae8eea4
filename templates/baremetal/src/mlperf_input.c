#include "mlperf_input.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "mlperf_text.h"
#include "network.h"

#if MLPERF_INPUT == MLPERF_FLOAT32
#define ELEMENT_BYTES 4u
#else
#define ELEMENT_BYTES 1u
#endif

enum { PRINTED_BYTES_A_LINE = 8 };
#define INPUT_BYTES (NETWORK_INPUT_BYTES * ELEMENT_BYTES)

static uint32_t expected_bytes;
static uint32_t loaded_bytes;

/* An inference overwrites its input, and a runner asks for many of one input. */
static int8_t kept_input[NETWORK_INPUT_BYTES];
#if MLPERF_INPUT == MLPERF_FLOAT32
static float real_input[NETWORK_INPUT_BYTES];
#endif

static void put_input(uint32_t offset, uint8_t value)
{
#if MLPERF_INPUT == MLPERF_FLOAT32
    ((uint8_t *)real_input)[offset] = value;
#elif MLPERF_INPUT == MLPERF_UINT8
    kept_input[offset] = (int8_t)(value - 128);
#else
    ((uint8_t *)kept_input)[offset] = value;
#endif
}

static uint8_t input_byte(uint32_t offset)
{
#if MLPERF_INPUT == MLPERF_FLOAT32
    return ((const uint8_t *)real_input)[offset];
#elif MLPERF_INPUT == MLPERF_UINT8
    return (uint8_t)(kept_input[offset] + 128);
#else
    return ((const uint8_t *)kept_input)[offset];
#endif
}

static void quantize_input(void)
{
#if MLPERF_INPUT == MLPERF_FLOAT32
    for (uint32_t i = 0; i < NETWORK_INPUT_BYTES; i++) {
        const float scaled = real_input[i] / NETWORK_INPUT_SCALE + (float)NETWORK_INPUT_ZERO_POINT;
        const float rounded = scaled < 0.0f ? scaled - 0.5f : scaled + 0.5f;
        const float clipped = rounded < -128.0f ? -128.0f : rounded > 127.0f ? 127.0f : rounded;
        kept_input[i] = (int8_t)clipped;
    }
#endif
}

bool mlperf_input_prepare(void)
{
    if (loaded_bytes != INPUT_BYTES) {
        say_count("e-[Input has ", loaded_bytes, " bytes, ");
        say_count("the network takes ", INPUT_BYTES, "]\r\n");
        return false;
    }
    quantize_input();
    return true;
}

void mlperf_input_copy(void)
{
    memcpy(network_input, kept_input, NETWORK_INPUT_BYTES);
}

#if MLPERF_INPUT == MLPERF_FLOAT32
const float *mlperf_input_reals(void)
{
    return real_input;
}
#endif

static void print_input(void)
{
    for (uint32_t i = 0; i < loaded_bytes; i++) {
        const bool ends = i % PRINTED_BYTES_A_LINE == PRINTED_BYTES_A_LINE - 1u;
        say(i % PRINTED_BYTES_A_LINE == 0u ? "m-buffer-" : "");
        say_hexadecimal(input_byte(i));
        say(ends || i + 1u == loaded_bytes ? "\r\n" : "-");
    }
}

static void expect_input(char *arguments)
{
    uint32_t count = 0;
    const char *text = next_part(&arguments);
    if (text == NULL) {
        say("e-[Command 'db load' requires the # of bytes]\r\n");
    } else if (!read_number(text, &count) || count == 0u) {
        say("e-[Command 'db load' must be >0 bytes]\r\n");
    } else if (count > INPUT_BYTES) {
        say_count("e-[Supplied buffer size ", count, " exceeds ");
        say_count("maximum of ", INPUT_BYTES, "]\r\n");
    } else {
        expected_bytes = count;
        loaded_bytes = 0;
        say_count("m-[Expecting ", count, " bytes]\r\n");
    }
}

/* Digits beyond the last expected byte are disregarded. */
static void take_input(const char *digits)
{
    const size_t length = strlen(digits);
    if (length % 2u != 0u) {
        say("e-[Insufficent number of hex digits]\r\n");
        return;
    }
    for (size_t i = 0; i < length && loaded_bytes < expected_bytes; i += 2u) {
        const unsigned high = hexadecimal_digit(digits[i]);
        const unsigned low = hexadecimal_digit(digits[i + 1u]);
        if (high > 15u || low > 15u) {
            const char pair[] = {digits[i], digits[i + 1u], '\0'};
            say("e-[Invalid hex digit '");
            say(pair);
            say("']\r\n");
            return;
        }
        put_input(loaded_bytes, (uint8_t)(high << 4 | low));
        loaded_bytes++;
        if (loaded_bytes == expected_bytes) {
            say("m-load-done\r\n");
        }
    }
}

void mlperf_input_command(char *arguments)
{
    const char *what = next_part(&arguments);
    if (what == NULL) {
        say("e-[Command 'db' requires a subcommand]\r\n");
    } else if (strcmp(what, "load") == 0) {
        expect_input(arguments);
    } else if (strcmp(what, "print") == 0) {
        print_input();
    } else {
        take_input(what);
    }
}
