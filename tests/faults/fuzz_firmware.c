/* protocol.c fed with millions of bytes that know its frames: fuzz_firmware SEED BYTES.

   It ends with an error where an answer is no whole frame; the sanitizers end it where a request
   leads out of an array. The last line on standard output counts answers by type. */

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frame.h"
#include "network.h"
#include "platform.h"
#include "protocol.h"

enum {
    WRITE_INPUT = 2,
    RUN = 3,
    READ_OUTPUT = 4,
    READ_PROFILE = 5,
    RESET = 6,
    KINDS = 8,
    REFUSED = 0xFF
};

int8_t network_input[NETWORK_INPUT_BYTES];
int8_t network_output[NETWORK_OUTPUT_BYTES];

static struct profile_entry entries[NETWORK_LAYER_COUNT];
static uint32_t entry_count;
static uint64_t now;
static uint64_t state;

static uint8_t stream[FRAME_BYTES];
static size_t stream_bytes, stream_at;
static unsigned long answers[256];
/* Where the input would go on, so that whole inputs and runs come about. */
static uint32_t next_offset;
static uint16_t sequence;
/* How many requests may still ask for what a run gave. */
static unsigned ran;

static uint32_t any(uint32_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)((state >> 16) % below);
}

static void put_u16(uint8_t *to, uint32_t value)
{
    to[0] = (uint8_t)(value & 0xFFu);
    to[1] = (uint8_t)(value >> 8 & 0xFFu);
}

static void put_u32(uint8_t *to, uint32_t value)
{
    put_u16(to, value & 0xFFFFu);
    put_u16(to + 2, value >> 16);
}

static uint32_t edge(uint32_t largest)
{
    static const uint32_t edges[] = {0, 1, 3, 4, 5, 12, 255, 256, 1020, 1024, 1500, 0x7FFFFFFF,
                                     0x80000000, 0xFFFFFFFC, 0xFFFFFFFF};
    const uint32_t chosen = edges[any(sizeof edges / sizeof *edges)];
    return any(2) ? any(largest + 1u) : chosen;
}

static uint32_t fill_payload(unsigned type, uint8_t *payload)
{
    uint32_t count = any(8) ? 4u + any(5) : any((uint32_t)SQTVM_PROTOCOL_MAX_PAYLOAD + 1u);
    for (uint32_t i = 0; i < count; i++) {
        payload[i] = (uint8_t)any(256);
    }
    if (type == WRITE_INPUT && any(8)) {
        const uint32_t left = NETWORK_INPUT_BYTES - next_offset;
        const uint32_t room = (uint32_t)SQTVM_PROTOCOL_MAX_PAYLOAD - 4u;
        const uint32_t length = any(4) ? (left < room ? left : room) : 1u + any(room);
        put_u32(payload, any(8) ? next_offset : edge(NETWORK_INPUT_BYTES));
        memset(payload + 4, (int)any(256), length);
        next_offset = next_offset + length < NETWORK_INPUT_BYTES ? next_offset + length : 0u;
        count = 4u + length;
    } else if (type == RUN && any(8)) {
        put_u32(payload, frame_crc32((const uint8_t *)network_input, NETWORK_INPUT_BYTES));
        count = 4u;
    } else if (type == READ_OUTPUT && any(8)) {
        put_u32(payload, edge(NETWORK_OUTPUT_BYTES));
        put_u16(payload + 4, edge(NETWORK_OUTPUT_BYTES) & 0xFFFFu);
        count = 6u;
    } else if (type == READ_PROFILE && any(8)) {
        put_u16(payload, edge(NETWORK_LAYER_COUNT) & 0xFFFFu);
        put_u16(payload + 2, edge(NETWORK_LAYER_COUNT) & 0xFFFFu);
        count = 4u;
    }
    return count;
}

/* Whole frames, most of them; the others are harmed, cut short, lie on their length, or are noise. */
static void next_stream(void)
{
    unsigned type = any(16) ? 1u + any(KINDS - 1) : any(256);
    if (ran > 0u && any(4)) {
        ran--;
        type = READ_OUTPUT + any(2);
    } else if (type == RUN) {
        ran = 6;
    }
    const uint32_t count = fill_payload(type, stream + HEADER_BYTES);
    stream[0] = SYNC_0;
    stream[1] = SYNC_1;
    stream[2] = (uint8_t)(any(32) ? SQTVM_PROTOCOL_VERSION : any(256));
    stream[3] = (uint8_t)type;
    sequence = (uint16_t)(sequence + (any(4) ? 1u : 0u));
    put_u16(stream + 4, sequence);
    put_u16(stream + 6, any(32) ? count : edge(0xFFFF) & 0xFFFFu);
    put_u32(stream + HEADER_BYTES + count, frame_crc32(stream + 2, HEADER_BYTES - 2u + count));
    stream_bytes = (size_t)HEADER_BYTES + count + CRC_BYTES;
    stream_at = 0;
    if (type == RESET) {
        /* The server waits for ever after a reset, so none may be whole, nor become it when it is
           cut short. */
        stream[stream_bytes - CRC_BYTES] ^= 0x80u;
    } else if (!any(8)) {
        stream[any((uint32_t)stream_bytes)] ^= (uint8_t)(1u << any(8));
    }
    if (!any(16)) {
        stream_bytes = any((uint32_t)stream_bytes);
    }
    if (!any(32)) {
        for (size_t i = 0; i < stream_bytes; i++) {
            stream[i] = (uint8_t)(any(4) ? any(256) : SYNC_0);
        }
    }
}

static void broken(const char *what)
{
    fprintf(stderr, "an answer %s\n", what);
    exit(1);
}

void platform_uart_write(const uint8_t *data, size_t length)
{
    if (length < (size_t)HEADER_BYTES + CRC_BYTES || length > FRAME_BYTES) {
        broken("has a length that no frame has");
    }
    if (data[0] != SYNC_0 || data[1] != SYNC_1 || data[2] != SQTVM_PROTOCOL_VERSION) {
        broken("does not begin as a frame does");
    }
    const size_t payload = frame_u16(data + 6);
    if (payload + HEADER_BYTES + CRC_BYTES != length) {
        broken("lies on its length");
    }
    if (frame_u32(data + HEADER_BYTES + payload) != frame_crc32(data + 2, length - 6u)) {
        broken("has a wrong checksum");
    }
    answers[data[3]]++;
}

int platform_uart_read_byte(uint8_t *byte)
{
    /* Silence now and then, long enough to end a frame that never comes to its end. */
    now += any(4096) ? 10u : 1000000000u;
    if (!any(64)) {
        return 0;
    }
    while (stream_at == stream_bytes) {
        next_stream();
    }
    *byte = stream[stream_at++];
    return 1;
}

int32_t network_run(void)
{
    memcpy(network_output, network_input, NETWORK_OUTPUT_BYTES);
    entry_count = any(NETWORK_LAYER_COUNT + 1u);
    return any(16) ? 0 : -1;
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

uint64_t platform_cycles(void)
{
    return now;
}

uint32_t platform_clock_hz(void)
{
    return 216000000u;
}

uint32_t platform_stack_high_water(void)
{
    return 744u;
}

void platform_reset(void)
{
    broken("would be one to a request with a wrong checksum");
}

int main(int count, char **arguments)
{
    if (count != 3) {
        return 2;
    }
    state = strtoull(arguments[1], NULL, 10) * 2u + 1u;
    for (unsigned long left = strtoul(arguments[2], NULL, 10); left > 0; left--) {
        sqtvm_protocol_poll();
    }
    for (unsigned type = 0; type < 256u; type++) {
        if (answers[type] > 0) {
            printf("%02x:%lu ", type, answers[type]);
        }
    }
    printf("\n");
    return answers[REFUSED] > 0 ? 0 : 1;
}
