#include "fault.h"

#include "platform.h"

void fault_text(const char *text)
{
    size_t length = 0;
    while (text[length] != '\0') {
        length++;
    }
    platform_uart_write((const uint8_t *)text, length);
}

void fault_value(const char *name, uint32_t value)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t text[8];
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = (uint8_t)digits[(value >> (28u - 4u * i)) & 15u];
    }
    fault_text(name);
    platform_uart_write(text, sizeof text);
}
