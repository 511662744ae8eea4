/* Commands end with '%' and have parts between spaces; every answer ends with the line "m-ready".

   MLPERF_MODEL names the benchmark: the runners choose input files and iterations by it.
   MLPERF_INPUT says what the bytes of such a file are: MLPERF_UINT8 and MLPERF_INT8 are the
   network's own quantized values, the first 128 higher, MLPERF_FLOAT32 real numbers, which are
   quantized here. With MLPERF_ENERGY, timestamps are edges of a pin instead of lines. */

#include "mlperf_tiny.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "mlperf_text.h"
#include "network.h"
#include "platform.h"

#define MLPERF_UINT8 0
#define MLPERF_INT8 1
#define MLPERF_FLOAT32 2

#if MLPERF_INPUT == MLPERF_FLOAT32
#define ELEMENT_BYTES 4u
/* An autoencoder's result is how far its output is from its input. */
#define RECONSTRUCTS (NETWORK_OUTPUT_BYTES == NETWORK_INPUT_BYTES)
#else
#define ELEMENT_BYTES 1u
#define RECONSTRUCTS 0
#endif

enum { COMMAND_BYTES = 80, DEFAULT_WARM_UPS = 10, PRINTED_BYTES_A_LINE = 8 };
#define INPUT_BYTES (NETWORK_INPUT_BYTES * ELEMENT_BYTES)

static char command[COMMAND_BYTES + 1];
static size_t command_bytes;

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

static void timestamp(void)
{
#if MLPERF_ENERGY
    mlperf_edge();
#else
    const uint64_t cycles = platform_cycles();
    const uint64_t hertz = platform_clock_hz();
    /* In two parts, because cycles times a million overflows after a day. */
    say_count("m-lap-us-", cycles / hertz * 1000000u + cycles % hertz * 1000000u / hertz, "\r\n");
#endif
}

static void results(void)
{
    say("m-results-[");
#if MLPERF_INPUT == MLPERF_FLOAT32
    if (RECONSTRUCTS) {
        float sum = 0.0f;
        for (uint32_t i = 0; i < NETWORK_OUTPUT_BYTES; i++) {
            const int steps = network_output[i] - NETWORK_OUTPUT_ZERO_POINT;
            const float difference = NETWORK_OUTPUT_SCALE * (float)steps - real_input[i];
            sum += difference * difference;
        }
        say_real(sum / (float)NETWORK_OUTPUT_BYTES);
        say("]\r\n");
        return;
    }
#endif
    for (uint32_t i = 0; i < NETWORK_OUTPUT_BYTES; i++) {
        say(i == 0u ? "" : ",");
        const int steps = network_output[i] - NETWORK_OUTPUT_ZERO_POINT;
        say_real(NETWORK_OUTPUT_SCALE * (float)steps);
    }
    say("]\r\n");
}

/* Zero, or the status of the inference that failed. The clock is read between inferences because
   what it counts with may wrap. */
static int32_t run_times(uint32_t count)
{
    int32_t status = 0;
    for (uint32_t i = 0; i < count && status == 0; i++) {
        memcpy(network_input, kept_input, NETWORK_INPUT_BYTES);
        status = network_run();
        (void)platform_cycles();
    }
    return status;
}

static void infer(char *arguments)
{
    uint32_t count = 1;
    uint32_t warm_ups = DEFAULT_WARM_UPS;
    const char *text = next_part(&arguments);
    if (text != NULL && (!read_number(text, &count) || count == 0u)) {
        say("e-[Inference iterations must be >0]\r\n");
        return;
    }
    text = next_part(&arguments);
    if (text != NULL && !read_number(text, &warm_ups)) {
        say("e-[Inference warmup must be >=0]\r\n");
        return;
    }
    if (loaded_bytes != INPUT_BYTES) {
        say_count("e-[Input has ", loaded_bytes, " bytes, ");
        say_count("the network takes ", INPUT_BYTES, "]\r\n");
        return;
    }
    quantize_input();
    say_count("m-warmup-start-", warm_ups, "\r\n");
    int32_t status = run_times(warm_ups);
    say("m-warmup-done\r\n");
    say_count("m-infer-start-", count, "\r\n");
    timestamp();
    status = status == 0 ? run_times(count) : status;
    timestamp();
    if (status != 0) {
        say_count("e-[The network ended with status ", (uint32_t)status, "]\r\n");
        return;
    }
    say("m-infer-done\r\n");
    results();
}

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

static void load(char *arguments)
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

static void help(void)
{
    say("sqtvm, commands of MLPerf Tiny; each ends with %\r\n\r\n"
        "help         : print this\r\n"
        "name         : print the device's name\r\n"
        "profile      : print the firmware's profile and the model's\r\n"
        "timestamp    : print a timestamp, or make an edge\r\n"
        "db load N    : expect N bytes of input\r\n"
        "db HH[HH]*   : take bytes of input\r\n"
        "db print     : print the input\r\n"
        "infer N [W]  : N inferences after W for warming up\r\n"
        "results      : print the last output\r\n");
}

static void carry_out(char *text)
{
    char *rest = text;
    const char *name = next_part(&rest);
    if (name == NULL) {
        say("e-[Unknown command: ]\r\n");
    } else if (strcmp(name, "name") == 0) {
        say("m-name-dut-[sqtvm]\r\n");
    } else if (strcmp(name, "timestamp") == 0) {
        timestamp();
    } else if (strcmp(name, "profile") == 0) {
        say("m-profile-[ULPMark for tinyML Firmware V0.0.1]\r\n");
        say("m-model-[" MLPERF_MODEL "]\r\n");
    } else if (strcmp(name, "db") == 0) {
        load(rest);
    } else if (strcmp(name, "infer") == 0) {
        infer(rest);
    } else if (strcmp(name, "results") == 0) {
        results();
    } else if (strcmp(name, "help") == 0) {
        help();
    } else {
        say("e-[Unknown command: ");
        say(name);
        say("]\r\n");
    }
    say("m-ready\r\n");
}

void mlperf_tiny_begin(void)
{
#if MLPERF_ENERGY
    mlperf_edge_init();
    say("m-timestamp-mode-energy\r\n");
#else
    say("m-timestamp-mode-performance\r\n");
#endif
    timestamp();
    say("m-init-done\r\nm-ready\r\n");
}

void mlperf_tiny_poll(void)
{
    uint8_t byte;
    if (platform_uart_read_byte(&byte) == 0) {
        return;
    }
    if (byte == '%') {
        command[command_bytes] = '\0';
        command_bytes = 0;
        carry_out(command);
    } else if (command_bytes < COMMAND_BYTES && byte != '\r' && byte != '\n') {
        command[command_bytes++] = (char)byte;
    }
}

void mlperf_tiny_serve(void)
{
    mlperf_tiny_begin();
    for (;;) {
        mlperf_tiny_poll();
    }
}
