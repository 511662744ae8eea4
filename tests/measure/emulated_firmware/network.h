/* Four parts of known instructions in three layers: see main.c. */

#ifndef NETWORK_H
#define NETWORK_H

#include <stdint.h>

#define NETWORK_MODEL_NAME "known-instructions"
#define NETWORK_BOARD_NAME "emulator"
#define NETWORK_ARCHIVE_SHA256                                                                   \
    {                                                                                            \
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23,    \
            24, 25, 26, 27, 28, 29, 30, 31                                                       \
    }
#define NETWORK_INPUT_BYTES 600u
#define NETWORK_OUTPUT_BYTES 10u
#define NETWORK_LAYER_COUNT 4u
#define NETWORK_INPUT_SCALE 0.5f
#define NETWORK_INPUT_ZERO_POINT (-3)
#define NETWORK_OUTPUT_SCALE 0.25f
#define NETWORK_OUTPUT_ZERO_POINT 7

struct profile_entry {
    uint32_t layer;
    uint64_t cycles;
};

extern int8_t network_input[NETWORK_INPUT_BYTES];
extern int8_t network_output[NETWORK_OUTPUT_BYTES];

int32_t network_run(void);
uint32_t profile_count(void);
const struct profile_entry *profile_entries(void);
void profile_reset(void);

#endif
