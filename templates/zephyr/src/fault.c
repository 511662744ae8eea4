/* A fault is reported over the UART in one line of text, then the board restarts. */

#include <zephyr/fatal.h>
#include <zephyr/kernel.h>

#include "platform.h"

static void write_text(const char *text)
{
    size_t length = 0;
    while (text[length] != '\0') {
        length++;
    }
    platform_uart_write((const uint8_t *)text, length);
}

static void write_value(const char *name, uint32_t value)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t text[8];
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = (uint8_t)digits[(value >> (28u - 4u * i)) & 15u];
    }
    write_text(name);
    platform_uart_write(text, sizeof text);
}

/* Stands for Zephyr's own, which halts. */
void k_sys_fatal_error_handler(unsigned int reason, const struct arch_esf *esf)
{
    write_value("\r\nsqtvm fault: reason ", reason);
#if defined(CONFIG_CPU_CORTEX_M)
    if (esf != NULL) {
        write_value(" pc ", esf->basic.pc);
        write_value(" lr ", esf->basic.lr);
    }
#else
    ARG_UNUSED(esf);
#endif
    write_text("\r\n");
    platform_reset();
}
