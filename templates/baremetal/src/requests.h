/* What the measuring protocol's requests do: each leaves the answer to it, or a refusal. */

#ifndef REQUESTS_H
#define REQUESTS_H

#include <stdint.h>

enum request_type {
    REQUEST_IDENTIFY = 1,
    REQUEST_WRITE_INPUT = 2,
    REQUEST_RUN = 3,
    REQUEST_READ_OUTPUT = 4,
    REQUEST_READ_PROFILE = 5,
    REQUEST_RESET = 6
};

/* Once, before the first request. */
void requests_begin(void);

/* Finishes the answer of frame.h and does not send it; restarts nothing. count: of the payload. */
void requests_carry_out(unsigned type, uint16_t sequence, const uint8_t *payload, uint32_t count);

#endif
