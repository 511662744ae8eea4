#include "mlperf_text.h"

#include <stddef.h>
#include <string.h>

#include "platform.h"

void say(const char *text)
{
    platform_uart_write((const uint8_t *)text, strlen(text));
}

void say_number(uint64_t value)
{
    char digits[21];
    size_t at = sizeof digits - 1u;
    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + value % 10u);
        value /= 10u;
    } while (value != 0u);
    say(digits + at);
}

void say_real(float value)
{
    if (value < 0.0f) {
        say("-");
        value = -value;
    }
    const uint64_t thousandths = (uint64_t)(value * 1000.0f + 0.5f);
    say_number(thousandths / 1000u);
    const char fraction[] = {'.', (char)('0' + thousandths / 100u % 10u),
                             (char)('0' + thousandths / 10u % 10u),
                             (char)('0' + thousandths % 10u), '\0'};
    say(fraction);
}

void say_hexadecimal(uint8_t value)
{
    static const char digits[] = "0123456789abcdef";
    const char text[] = {digits[value >> 4], digits[value & 15u], '\0'};
    say(text);
}

void say_count(const char *before, uint64_t count, const char *after)
{
    say(before);
    say_number(count);
    say(after);
}

char *next_part(char **rest)
{
    char *part = *rest;
    while (*part == ' ') {
        part++;
    }
    char *end = part;
    while (*end != ' ' && *end != '\0') {
        end++;
    }
    *rest = *end == '\0' ? end : end + 1;
    *end = '\0';
    return *part == '\0' ? NULL : part;
}

bool read_number(const char *text, uint32_t *number)
{
    uint32_t value = 0;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9' || value > (UINT32_MAX - 9u) / 10u) {
            return false;
        }
        value = value * 10u + (uint32_t)(*text - '0');
    }
    *number = value;
    return true;
}

unsigned hexadecimal_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return (unsigned)(c - '0');
    }
    if (c >= 'a' && c <= 'f') {
        return (unsigned)(c - 'a') + 10u;
    }
    return c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10u : 16u;
}
