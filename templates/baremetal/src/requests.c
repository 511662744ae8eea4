#include "requests.h"

#include <stdbool.h>
#include <string.h>

#include "frame.h"
#include "network.h"
#include "platform.h"

#if defined(SQTVM_TRIGGER)
#include "trigger.h"
#else
#define trigger_init() ((void)0)
#define trigger_set(high) ((void)0)
#endif

enum { PROFILE_ENTRY_BYTES = 12 };

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

static uint32_t input_filled;
static bool output_valid;

static void refuse(unsigned request, uint16_t sequence, enum refusal reason)
{
    answer_begin(ANSWER_REFUSED, sequence);
    answer_u8(request);
    answer_u8((unsigned)reason);
}

static void identify(void)
{
    static const uint8_t archive_hash[32] = NETWORK_ARCHIVE_SHA256;
    answer_u16(SQTVM_PROTOCOL_VERSION);
    answer_u16(SQTVM_PROTOCOL_MAX_PAYLOAD);
    answer_u32(NETWORK_INPUT_BYTES);
    answer_u32(NETWORK_OUTPUT_BYTES);
    answer_u32(NETWORK_LAYER_COUNT);
    answer_u32(platform_clock_hz());
    answer_float(NETWORK_INPUT_SCALE);
    answer_u32((uint32_t)(int32_t)NETWORK_INPUT_ZERO_POINT);
    answer_float(NETWORK_OUTPUT_SCALE);
    answer_u32((uint32_t)(int32_t)NETWORK_OUTPUT_ZERO_POINT);
    answer_bytes(archive_hash, sizeof archive_hash);
    answer_text(NETWORK_MODEL_NAME);
    answer_text(NETWORK_BOARD_NAME);
}

/* The input is sent from its first byte to its last, so that a run on a partly written input, for
   instance after a reset in the middle, is refused. */
static bool write_input(const uint8_t *payload, uint32_t count, enum refusal *reason)
{
    if (count < 5u) {
        *reason = REFUSED_LENGTH;
        return false;
    }
    const uint32_t offset = frame_u32(payload);
    const uint32_t length = count - 4u;
    if ((offset != 0u && offset != input_filled) || offset > NETWORK_INPUT_BYTES ||
        length > NETWORK_INPUT_BYTES - offset) {
        *reason = REFUSED_RANGE;
        return false;
    }
    memcpy((uint8_t *)network_input + offset, payload + 4, length);
    input_filled = offset + length;
    output_valid = false;
    answer_u32(input_filled);
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
    if (frame_crc32((const uint8_t *)network_input, NETWORK_INPUT_BYTES) != frame_u32(payload)) {
        *reason = REFUSED_OTHER_INPUT;
        return false;
    }
    profile_reset();
    trigger_set(1);
    const uint64_t begin = platform_cycles();
    MARK_INFERENCE_BEGIN();
    const int32_t status = network_run();
    MARK_INFERENCE_END();
    const uint64_t cycles = platform_cycles() - begin;
    trigger_set(0);
    /* The planner may lay the workspace over the input, so that it has to be written again. */
    input_filled = 0;
    output_valid = status == 0;
    answer_u32((uint32_t)status);
    answer_u64(cycles);
    answer_u32(platform_stack_high_water());
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
    const uint32_t offset = frame_u32(payload);
    const uint32_t length = frame_u16(payload + 4);
    if (offset > NETWORK_OUTPUT_BYTES || length > NETWORK_OUTPUT_BYTES - offset ||
        length > SQTVM_PROTOCOL_MAX_PAYLOAD) {
        *reason = REFUSED_RANGE;
        return false;
    }
    answer_bytes((const uint8_t *)network_output + offset, length);
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
    const uint32_t first = frame_u16(payload);
    const uint32_t wanted = frame_u16(payload + 2);
    if (first > total || wanted > total - first ||
        wanted > (SQTVM_PROTOCOL_MAX_PAYLOAD - 4u) / PROFILE_ENTRY_BYTES) {
        *reason = REFUSED_RANGE;
        return false;
    }
    const struct profile_entry *entries = profile_entries();
    answer_u16((unsigned)total);
    answer_u16((unsigned)wanted);
    for (uint32_t i = first; i < first + wanted; i++) {
        answer_u32(entries[i].layer);
        answer_u64(entries[i].cycles);
    }
    return true;
}

void requests_begin(void)
{
    trigger_init();
}

void requests_carry_out(unsigned type, uint16_t sequence, const uint8_t *payload, uint32_t count)
{
    enum refusal reason = REFUSED_UNKNOWN_REQUEST;
    bool accepted = false;

    answer_begin(type | ANSWER_FLAG, sequence);
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
    answer_finish();
}
