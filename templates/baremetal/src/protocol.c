#include "protocol.h"

#include <stdbool.h>
#include <string.h>

#include "network.h"
#include "platform.h"

enum {
    SYNC_0 = 0xA5,
    SYNC_1 = 0x5A,
    HEADER_BYTES = 8,
    CRC_BYTES = 4,
    FRAME_BYTES = HEADER_BYTES + (int)SQTVM_PROTOCOL_MAX_PAYLOAD + CRC_BYTES,
    PROFILE_ENTRY_BYTES = 12
};

enum request_type {
    REQUEST_IDENTIFY = 1,
    REQUEST_WRITE_INPUT = 2,
    REQUEST_RUN = 3,
    REQUEST_READ_OUTPUT = 4,
    REQUEST_READ_PROFILE = 5,
    REQUEST_RESET = 6
};

enum { ANSWER_FLAG = 0x80, ANSWER_REFUSED = 0xFF };

enum refusal {
    REFUSED_UNKNOWN_REQUEST = 1,
    REFUSED_LENGTH = 2,
    REFUSED_RANGE = 3,
    REFUSED_NO_INPUT = 4,
    REFUSED_NO_OUTPUT = 5,
    REFUSED_OTHER_INPUT = 6
};

/* Where sqtvm's counting plugin begins and ends a whole inference; both do nothing. */
#if defined(__arm__)
#define MARK_INFERENCE_BEGIN() __asm volatile("mov r9, r9" ::: "memory")
#define MARK_INFERENCE_END() __asm volatile("mov r12, r12" ::: "memory")
#elif defined(__riscv)
#define MARK_INFERENCE_BEGIN()                                                                    \
    __asm volatile(".option push\n.option norvc\nmv s8, s8\n.option pop" ::: "memory")
#define MARK_INFERENCE_END()                                                                      \
    __asm volatile(".option push\n.option norvc\nmv s9, s9\n.option pop" ::: "memory")
#else
#define MARK_INFERENCE_BEGIN() ((void)0)
#define MARK_INFERENCE_END() ((void)0)
#endif

static uint8_t received[FRAME_BYTES];
static size_t received_bytes;
static uint64_t last_byte_at;

static uint8_t answer[FRAME_BYTES];
static size_t answer_bytes;

/* What the last answered request was, so that its repetition is not carried out again. */
static bool answered;
static uint16_t answered_sequence;
static uint32_t answered_crc;

static uint32_t input_filled;
static bool output_valid;

static uint16_t read_u16(const uint8_t *from)
{
    return (uint16_t)(from[0] | ((unsigned)from[1] << 8));
}

static uint32_t read_u32(const uint8_t *from)
{
    return (uint32_t)read_u16(from) | ((uint32_t)read_u16(from + 2) << 16);
}

static void put_u8(unsigned value)
{
    answer[answer_bytes++] = (uint8_t)value;
}

static void put_u16(unsigned value)
{
    put_u8(value & 0xFFu);
    put_u8((value >> 8) & 0xFFu);
}

static void put_u32(uint32_t value)
{
    put_u16((unsigned)(value & 0xFFFFu));
    put_u16((unsigned)(value >> 16));
}

static void put_u64(uint64_t value)
{
    put_u32((uint32_t)(value & 0xFFFFFFFFu));
    put_u32((uint32_t)(value >> 32));
}

static void put_float(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_u32(bits);
}

static void put_bytes(const void *from, size_t count)
{
    memcpy(answer + answer_bytes, from, count);
    answer_bytes += count;
}

static void put_text(const char *text)
{
    size_t length = strlen(text);
    if (length > 255u) {
        length = 255u;
    }
    put_u8((unsigned)length);
    put_bytes(text, length);
}

/* CRC-32 of IEEE 802.3 (reflected 0xEDB88320), four bits a step: a table of 64 bytes. */
static uint32_t crc32(const uint8_t *data, size_t count)
{
    static const uint32_t table[16] = {
        0x00000000u, 0x1DB71064u, 0x3B6E20C8u, 0x26D930ACu, 0x76DC4190u, 0x6B6B51F4u,
        0x4DB26158u, 0x5005713Cu, 0xEDB88320u, 0xF00F9344u, 0xD6D6A3E8u, 0xCB61B38Cu,
        0x9B64C2B0u, 0x86D3D2D4u, 0xA00AE278u, 0xBDBDF21Cu,
    };
    uint32_t crc = 0xFFFFFFFFu;
    for (size_t i = 0; i < count; i++) {
        crc ^= data[i];
        crc = (crc >> 4) ^ table[crc & 15u];
        crc = (crc >> 4) ^ table[crc & 15u];
    }
    return ~crc;
}

static void begin_answer(unsigned type, uint16_t sequence)
{
    answer_bytes = 0;
    put_u8(SYNC_0);
    put_u8(SYNC_1);
    put_u8(SQTVM_PROTOCOL_VERSION);
    put_u8(type);
    put_u16(sequence);
    put_u16(0);
}

static void finish_answer(void)
{
    const size_t payload = answer_bytes - HEADER_BYTES;
    answer[6] = (uint8_t)(payload & 0xFFu);
    answer[7] = (uint8_t)(payload >> 8);
    put_u32(crc32(answer + 2, answer_bytes - 2));
}

static void refuse(unsigned request, uint16_t sequence, enum refusal reason)
{
    begin_answer(ANSWER_REFUSED, sequence);
    put_u8(request);
    put_u8((unsigned)reason);
}

static void identify(void)
{
    static const uint8_t archive_hash[32] = NETWORK_ARCHIVE_SHA256;
    put_u16(SQTVM_PROTOCOL_VERSION);
    put_u16(SQTVM_PROTOCOL_MAX_PAYLOAD);
    put_u32(NETWORK_INPUT_BYTES);
    put_u32(NETWORK_OUTPUT_BYTES);
    put_u32(NETWORK_LAYER_COUNT);
    put_u32(platform_clock_hz());
    put_float(NETWORK_INPUT_SCALE);
    put_u32((uint32_t)(int32_t)NETWORK_INPUT_ZERO_POINT);
    put_float(NETWORK_OUTPUT_SCALE);
    put_u32((uint32_t)(int32_t)NETWORK_OUTPUT_ZERO_POINT);
    put_bytes(archive_hash, sizeof archive_hash);
    put_text(NETWORK_MODEL_NAME);
    put_text(NETWORK_BOARD_NAME);
}

/* The input is sent from its first byte to its last, so that a run on a partly written input, for
   instance after a reset in the middle, is refused. */
static bool write_input(const uint8_t *payload, uint32_t count, enum refusal *reason)
{
    if (count < 5u) {
        *reason = REFUSED_LENGTH;
        return false;
    }
    const uint32_t offset = read_u32(payload);
    const uint32_t length = count - 4u;
    if ((offset != 0u && offset != input_filled) || offset > NETWORK_INPUT_BYTES ||
        length > NETWORK_INPUT_BYTES - offset) {
        *reason = REFUSED_RANGE;
        return false;
    }
    memcpy((uint8_t *)network_input + offset, payload + 4, length);
    input_filled = offset + length;
    output_valid = false;
    put_u32(input_filled);
    return true;
}

static bool run(const uint8_t *payload, uint32_t count, enum refusal *reason)
{
    if (count != 4u) {
        *reason = REFUSED_LENGTH;
        return false;
    }
    if (input_filled != NETWORK_INPUT_BYTES) {
        *reason = REFUSED_NO_INPUT;
        return false;
    }
    /* Else a late copy of an older write could pass for the input that is meant. */
    if (crc32((const uint8_t *)network_input, NETWORK_INPUT_BYTES) != read_u32(payload)) {
        *reason = REFUSED_OTHER_INPUT;
        return false;
    }
    profile_reset();
    const uint64_t begin = platform_cycles();
    MARK_INFERENCE_BEGIN();
    const int32_t status = network_run();
    MARK_INFERENCE_END();
    const uint64_t cycles = platform_cycles() - begin;
    /* The planner may lay the workspace over the input, so that it has to be written again. */
    input_filled = 0;
    output_valid = status == 0;
    put_u32((uint32_t)status);
    put_u64(cycles);
    put_u32(platform_stack_high_water());
    return true;
}

static bool read_output(const uint8_t *payload, uint32_t count, enum refusal *reason)
{
    if (count != 6u) {
        *reason = REFUSED_LENGTH;
        return false;
    }
    if (!output_valid) {
        *reason = REFUSED_NO_OUTPUT;
        return false;
    }
    const uint32_t offset = read_u32(payload);
    const uint32_t length = read_u16(payload + 4);
    if (offset > NETWORK_OUTPUT_BYTES || length > NETWORK_OUTPUT_BYTES - offset ||
        length > SQTVM_PROTOCOL_MAX_PAYLOAD) {
        *reason = REFUSED_RANGE;
        return false;
    }
    put_bytes((const uint8_t *)network_output + offset, length);
    return true;
}

static bool read_profile(const uint8_t *payload, uint32_t count, enum refusal *reason)
{
    if (count != 4u) {
        *reason = REFUSED_LENGTH;
        return false;
    }
    if (!output_valid) {
        *reason = REFUSED_NO_OUTPUT;
        return false;
    }
    const uint32_t total = profile_count();
    const uint32_t first = read_u16(payload);
    const uint32_t wanted = read_u16(payload + 2);
    if (first > total || wanted > total - first ||
        wanted > (SQTVM_PROTOCOL_MAX_PAYLOAD - 4u) / PROFILE_ENTRY_BYTES) {
        *reason = REFUSED_RANGE;
        return false;
    }
    const struct profile_entry *entries = profile_entries();
    put_u16((unsigned)total);
    put_u16((unsigned)wanted);
    for (uint32_t i = first; i < first + wanted; i++) {
        put_u32(entries[i].layer);
        put_u64(entries[i].cycles);
    }
    return true;
}

static void carry_out(unsigned type, uint16_t sequence, const uint8_t *payload, uint32_t count)
{
    enum refusal reason = REFUSED_UNKNOWN_REQUEST;
    bool accepted = false;

    begin_answer(type | ANSWER_FLAG, sequence);
    switch (type) {
    case REQUEST_IDENTIFY:
        identify();
        accepted = true;
        break;
    case REQUEST_WRITE_INPUT:
        accepted = write_input(payload, count, &reason);
        break;
    case REQUEST_RUN:
        accepted = run(payload, count, &reason);
        break;
    case REQUEST_READ_OUTPUT:
        accepted = read_output(payload, count, &reason);
        break;
    case REQUEST_READ_PROFILE:
        accepted = read_profile(payload, count, &reason);
        break;
    case REQUEST_RESET:
        accepted = true;
        break;
    default:
        break;
    }
    if (!accepted) {
        refuse(type, sequence, reason);
    }
    finish_answer();
}

static void handle_frame(size_t payload_bytes)
{
    const unsigned type = received[3];
    const uint16_t sequence = read_u16(received + 4);
    const uint32_t crc = read_u32(received + HEADER_BYTES + payload_bytes);
    const bool repeated = answered && sequence == answered_sequence && crc == answered_crc;

    if (!repeated) {
        carry_out(type, sequence, received + HEADER_BYTES, (uint32_t)payload_bytes);
        answered = true;
        answered_sequence = sequence;
        answered_crc = crc;
    }
    platform_uart_write(answer, answer_bytes);
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
           (received_bytes < 8u || read_u16(received + 6) <= SQTVM_PROTOCOL_MAX_PAYLOAD);
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
        const size_t payload_bytes = read_u16(received + 6);
        const size_t frame_bytes = HEADER_BYTES + payload_bytes + CRC_BYTES;
        if (received_bytes < frame_bytes) {
            return;
        }
        const uint32_t crc = crc32(received + 2, HEADER_BYTES - 2 + payload_bytes);
        if (crc == read_u32(received + HEADER_BYTES + payload_bytes)) {
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
    for (;;) {
        sqtvm_protocol_poll();
    }
}
