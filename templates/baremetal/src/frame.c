#include "frame.h"

#include <string.h>

#include "platform.h"

static uint8_t answer[FRAME_BYTES];
static size_t length;

uint16_t frame_u16(const uint8_t *from)
{
    return (uint16_t)(from[0] | ((unsigned)from[1] << 8));
}

uint32_t frame_u32(const uint8_t *from)
{
    return (uint32_t)frame_u16(from) | ((uint32_t)frame_u16(from + 2) << 16);
}

/* CRC-32 of IEEE 802.3 (reflected 0xEDB88320), four bits a step: a table of 64 bytes. */
uint32_t frame_crc32(const uint8_t *data, size_t count)
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

void answer_begin(unsigned type, uint16_t sequence)
{
    length = 0;
    answer_u8(SYNC_0);
    answer_u8(SYNC_1);
    answer_u8(SQTVM_PROTOCOL_VERSION);
    answer_u8(type);
    answer_u16(sequence);
    answer_u16(0);
}

void answer_u8(unsigned value)
{
    answer[length++] = (uint8_t)value;
}

void answer_u16(unsigned value)
{
    answer_u8(value & 0xFFu);
    answer_u8((value >> 8) & 0xFFu);
}

void answer_u32(uint32_t value)
{
    answer_u16((unsigned)(value & 0xFFFFu));
    answer_u16((unsigned)(value >> 16));
}

void answer_u64(uint64_t value)
{
    answer_u32((uint32_t)(value & 0xFFFFFFFFu));
    answer_u32((uint32_t)(value >> 32));
}

void answer_float(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    answer_u32(bits);
}

void answer_bytes(const void *from, size_t count)
{
    memcpy(answer + length, from, count);
    length += count;
}

void answer_text(const char *text)
{
    size_t count = strlen(text);
    if (count > 255u) {
        count = 255u;
    }
    answer_u8((unsigned)count);
    answer_bytes(text, count);
}

void answer_finish(void)
{
    const size_t payload = length - HEADER_BYTES;
    answer[6] = (uint8_t)(payload & 0xFFu);
    answer[7] = (uint8_t)(payload >> 8);
    answer_u32(frame_crc32(answer + 2, length - 2u));
}

void answer_send(void)
{
    platform_uart_write(answer, length);
}
