/* UART (PL011) of the RP2040 and RP2350, named as in their data sheets; polled, 8 data bits, no
   parity, 1 stop bit. */

#include "drivers.h"
#include "rp2_gpio.h"

#define UARTDR REGISTER(BOARD_UART_BASE + 0x00u)
#define UARTFR REGISTER(BOARD_UART_BASE + 0x18u)
#define UARTIBRD REGISTER(BOARD_UART_BASE + 0x24u)
#define UARTFBRD REGISTER(BOARD_UART_BASE + 0x28u)
#define UARTLCR_H REGISTER(BOARD_UART_BASE + 0x2Cu)
#define UARTCR REGISTER(BOARD_UART_BASE + 0x30u)

enum { UARTFR_BUSY = 1 << 3, UARTFR_RXFE = 1 << 4, UARTFR_TXFF = 1 << 5 };
enum { UARTLCR_H_FEN = 1 << 4, UARTLCR_H_WLEN_8 = 3 << 5 };
enum { UARTCR_UARTEN = 1 << 0, UARTCR_TXE = 1 << 8, UARTCR_RXE = 1 << 9 };

void uart_init(void)
{
    rp2_take_out_of_reset(RESETS_IO_BANK0);
    rp2_take_out_of_reset(RESETS_PADS_BANK0);
    set_bits(&RESETS_RESET, 1u << BOARD_UART_ENABLE_BIT);
    rp2_take_out_of_reset(BOARD_UART_ENABLE_BIT);
    const uint32_t sixty_fourths =
        (4u * BOARD_UART_CLOCK_HZ + BOARD_UART_BAUD / 2u) / BOARD_UART_BAUD;
    UARTIBRD = sixty_fourths >> 6;
    UARTFBRD = sixty_fourths & 63u;
    UARTLCR_H = UARTLCR_H_WLEN_8 | UARTLCR_H_FEN; /* written last: it takes the dividers over */
    UARTCR = UARTCR_UARTEN | UARTCR_TXE | UARTCR_RXE;
    rp2_use_pin(BOARD_UART_TX_PIN, BOARD_UART_TX_FUNCTION);
    rp2_use_pin(BOARD_UART_RX_PIN, BOARD_UART_RX_FUNCTION);
}

int uart_read_byte(uint8_t *byte)
{
    if ((UARTFR & UARTFR_RXFE) != 0u) {
        return 0;
    }
    *byte = (uint8_t)(UARTDR & 0xFFu);
    return 1;
}

void uart_write(const uint8_t *data, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        while ((UARTFR & UARTFR_TXFF) != 0u) {
        }
        UARTDR = data[i];
    }
}

void uart_drain(void)
{
    while ((UARTFR & UARTFR_BUSY) != 0u) {
    }
}
