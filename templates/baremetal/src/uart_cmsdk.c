/* UART of Arm's Cortex-M System Design Kit, named as in its manual (DDI 0479). */

#include "board.h"
#include "drivers.h"
#include "registers.h"

#define DATA REGISTER(BOARD_UART_BASE + 0x00u)
#define STATE REGISTER(BOARD_UART_BASE + 0x04u)
#define CTRL REGISTER(BOARD_UART_BASE + 0x08u)
#define BAUDDIV REGISTER(BOARD_UART_BASE + 0x10u)

enum { STATE_TX_FULL = 1 << 0, STATE_RX_FULL = 1 << 1, CTRL_TX = 1 << 0, CTRL_RX = 1 << 1 };

void uart_init(void)
{
    BAUDDIV = (BOARD_UART_CLOCK_HZ + BOARD_UART_BAUD / 2u) / BOARD_UART_BAUD;
    CTRL = CTRL_TX | CTRL_RX;
}

int uart_read_byte(uint8_t *byte)
{
    if ((STATE & STATE_RX_FULL) == 0u) {
        return 0;
    }
    *byte = (uint8_t)(DATA & 0xFFu);
    return 1;
}

void uart_write(const uint8_t *data, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        while ((STATE & STATE_TX_FULL) != 0u) {
        }
        DATA = data[i];
    }
}

void uart_drain(void)
{
    /* Its state tells when the buffer is free, which is one byte before the line is. */
    while ((STATE & STATE_TX_FULL) != 0u) {
    }
    for (volatile uint32_t turn = 0; turn < 12u * (BOARD_UART_CLOCK_HZ / BOARD_UART_BAUD); turn++) {
    }
}
