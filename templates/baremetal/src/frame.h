/* Frames of the measuring protocol: their layout, and the answer under way. */

#ifndef FRAME_H
#define FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "protocol.h"

enum {
    SYNC_0 = 0xA5,
    SYNC_1 = 0x5A,
    HEADER_BYTES = 8,
    CRC_BYTES = 4,
    FRAME_BYTES = HEADER_BYTES + (int)SQTVM_PROTOCOL_MAX_PAYLOAD + CRC_BYTES
};

uint16_t frame_u16(const uint8_t *from);
uint32_t frame_u32(const uint8_t *from);
uint32_t frame_crc32(const uint8_t *data, size_t count);

/* An answer is begun, filled to at most SQTVM_PROTOCOL_MAX_PAYLOAD bytes, finished, and may then be
   sent more than once. */
void answer_begin(unsigned type, uint16_t sequence);
void answer_u8(unsigned value);
void answer_u16(unsigned value);
void answer_u32(uint32_t value);
void answer_u64(uint64_t value);
void answer_float(float value);
void answer_bytes(const void *from, size_t count);
/* Its length in a byte, then at most 255 bytes of it. */
void answer_text(const char *text);
void answer_finish(void);
void answer_send(void);

#endif
