/* Commands end with '%' and have parts between spaces; every answer ends with the line "m-ready".

   MLPERF_MODEL names the benchmark: the runners choose input files and iterations by it. With
   MLPERF_ENERGY, timestamps are edges of a pin instead of lines. */

#include "mlperf_tiny.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "mlperf_input.h"
#include "mlperf_text.h"
#include "network.h"
#include "platform.h"

/* An autoencoder's result is how far its output is from its input. */
#define RECONSTRUCTS (NETWORK_OUTPUT_BYTES == NETWORK_INPUT_BYTES)

enum { COMMAND_BYTES = 80, DEFAULT_WARM_UPS = 10 };

static char command[COMMAND_BYTES + 1];
static size_t command_bytes;

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
        const float *real_input = mlperf_input_reals();
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
        mlperf_input_copy();
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
    if (!mlperf_input_prepare()) {
        return;
    }
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
        mlperf_input_command(rest);
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
