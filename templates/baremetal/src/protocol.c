#include "protocol.h"

#include <stdbool.h>
#include <string.h>

#include "frame.h"
#include "platform.h"
#include "requests.h"

static uint8_t received[FRAME_BYTES];
static size_t received_bytes;
static uint64_t last_byte_at;

/* What the last answered request was, so that its repetition is not carried out again. */
static bool answered;
static uint16_t answered_sequence;
static uint32_t answered_crc;

static void handle_frame(size_t payload_bytes)
{
    const unsigned type = received[3];
    const uint16_t sequence = frame_u16(received + 4);
    const uint32_t crc = frame_u32(received + HEADER_BYTES + payload_bytes);
    const bool repeated = answered && sequence == answered_sequence && crc == answered_crc;

    if (!repeated) {
        requests_carry_out(type, sequence, received + HEADER_BYTES, (uint32_t)payload_bytes);
        answered = true;
        answered_sequence = sequence;
        answered_crc = crc;
    }
    answer_send();
    if (type == REQUEST_RESET && !repeated) {
        platform_reset();
    }
}

static void drop_received(size_t count)
{
    received_bytes -= count;
    memmove(received, received + count, received_bytes);
}

static void drop_to_next_sync(void)
{
    const uint8_t *next = memchr(received + 1, SYNC_0, received_bytes - 1u);
    drop_received(next == NULL ? received_bytes : (size_t)(next - received));
}

/* Whether what was received can still become a request; false as soon as it cannot. */
static bool is_plausible(void)
{
    return (received_bytes < 1u || received[0] == SYNC_0) &&
           (received_bytes < 2u || received[1] == SYNC_1) &&
           (received_bytes < 3u || received[2] == SQTVM_PROTOCOL_VERSION) &&
           (received_bytes < 8u || frame_u16(received + 6) <= SQTVM_PROTOCOL_MAX_PAYLOAD);
}

/* Answers every whole request in the buffer. Bytes of a frame that turned out wrong are searched
   again from its second byte on: a true frame may begin inside. */
static void take_frames(void)
{
    while (received_bytes > 0u) {
        if (!is_plausible()) {
            drop_to_next_sync();
            continue;
        }
        if (received_bytes < HEADER_BYTES) {
            return;
        }
        const size_t payload_bytes = frame_u16(received + 6);
        const size_t frame_bytes = HEADER_BYTES + payload_bytes + CRC_BYTES;
        if (received_bytes < frame_bytes) {
            return;
        }
        const uint32_t crc = frame_crc32(received + 2, HEADER_BYTES - 2 + payload_bytes);
        if (crc == frame_u32(received + HEADER_BYTES + payload_bytes)) {
            handle_frame(payload_bytes);
            drop_received(frame_bytes);
        } else {
            drop_to_next_sync();
        }
    }
}

void sqtvm_protocol_poll(void)
{
    uint8_t byte;
    if (platform_uart_read_byte(&byte) != 0) {
        last_byte_at = platform_cycles();
        received[received_bytes++] = byte;
        take_frames();
    } else if (received_bytes > 0u &&
               platform_cycles() - last_byte_at > platform_clock_hz() / 4u) {
        /* A quarter of a second of silence in the middle of a frame: its rest was lost. */
        drop_to_next_sync();
        take_frames();
    }
}

void sqtvm_protocol_serve(void)
{
    requests_begin();
    for (;;) {
        sqtvm_protocol_poll();
    }
}
