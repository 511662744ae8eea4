/* UART 16550 with registers of one byte, named as in its data sheet; polled, 8 data bits, no
   parity, 1 stop bit. */

#include "board.h"
#include "drivers.h"

#define BYTE(offset) (*(volatile uint8_t *)(BOARD_UART_BASE + (offset)))
#define RBR BYTE(0)
#define THR BYTE(0)
#define DLL BYTE(0)
#define IER BYTE(1)
#define DLM BYTE(1)
#define FCR BYTE(2)
#define LCR BYTE(3)
#define LSR BYTE(5)

enum { LCR_8N1 = 3, LCR_DLAB = 0x80, FCR_ENABLE_AND_CLEAR = 7 };
enum { LSR_DR = 1 << 0, LSR_THRE = 1 << 5, LSR_TEMT = 1 << 6 };

void uart_init(void)
{
    const uint32_t divider = (BOARD_UART_CLOCK_HZ + 8u * BOARD_UART_BAUD) / (16u * BOARD_UART_BAUD);
    IER = 0;
    LCR = LCR_DLAB;
    DLL = (uint8_t)(divider & 0xFFu);
    DLM = (uint8_t)(divider >> 8);
    LCR = LCR_8N1;
    FCR = FCR_ENABLE_AND_CLEAR;
}

int uart_read_byte(uint8_t *byte)
{
    if ((LSR & LSR_DR) == 0u) {
        return 0;
    }
    *byte = RBR;
    return 1;
}

void uart_write(const uint8_t *data, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        while ((LSR & LSR_THRE) == 0u) {
        }
        THR = data[i];
    }
}

void uart_drain(void)
{
    while ((LSR & LSR_TEMT) == 0u) {
    }
}
