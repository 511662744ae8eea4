/* UART of the nRF52840 without DMA, named as in its product specification; polled, 8 data bits, no
   parity, 1 stop bit. */

#include "board.h"
#include "drivers.h"
#include "nrf_gpio.h"

#define TASKS_STARTRX REGISTER(BOARD_UART_BASE + 0x000u)
#define TASKS_STARTTX REGISTER(BOARD_UART_BASE + 0x008u)
#define EVENTS_RXDRDY REGISTER(BOARD_UART_BASE + 0x108u)
#define EVENTS_TXDRDY REGISTER(BOARD_UART_BASE + 0x11Cu)
#define ENABLE REGISTER(BOARD_UART_BASE + 0x500u)
#define PSEL_TXD REGISTER(BOARD_UART_BASE + 0x50Cu)
#define PSEL_RXD REGISTER(BOARD_UART_BASE + 0x514u)
#define RXD REGISTER(BOARD_UART_BASE + 0x518u)
#define TXD REGISTER(BOARD_UART_BASE + 0x51Cu)
#define BAUDRATE REGISTER(BOARD_UART_BASE + 0x524u)
#define CONFIG REGISTER(BOARD_UART_BASE + 0x56Cu)

enum { ENABLE_ENABLED = 4 };

#if BOARD_UART_BAUD == 115200
#define BAUDRATE_VALUE 0x01D7E000u
#elif BOARD_UART_BAUD == 230400
#define BAUDRATE_VALUE 0x03AFB000u
#elif BOARD_UART_BAUD == 460800
#define BAUDRATE_VALUE 0x075F7000u
#elif BOARD_UART_BAUD == 921600
#define BAUDRATE_VALUE 0x0EBED000u
#elif BOARD_UART_BAUD == 9600
#define BAUDRATE_VALUE 0x00275000u
#else
#error "the UART has no value for this rate"
#endif

static int sending;

void uart_init(void)
{
    /* The pins as the specification wants them before the UART takes them over. */
    gpio_write(BOARD_UART_TX_PORT, BOARD_UART_TX_PIN, 1);
    gpio_use_output(BOARD_UART_TX_PORT, BOARD_UART_TX_PIN);
    PIN_CNF(BOARD_UART_RX_PORT, BOARD_UART_RX_PIN) = PIN_CNF_INPUT_PULLUP;
    PSEL_TXD = (BOARD_UART_TX_PORT << 5) | BOARD_UART_TX_PIN;
    PSEL_RXD = (BOARD_UART_RX_PORT << 5) | BOARD_UART_RX_PIN;
    BAUDRATE = BAUDRATE_VALUE;
    CONFIG = 0;
    ENABLE = ENABLE_ENABLED;
    EVENTS_RXDRDY = 0;
    EVENTS_TXDRDY = 0;
    TASKS_STARTRX = 1;
    TASKS_STARTTX = 1;
    sending = 0;
}

int uart_read_byte(uint8_t *byte)
{
    if (EVENTS_RXDRDY == 0u) {
        return 0;
    }
    /* Before the byte is taken: the next one in the buffer raises it again. */
    EVENTS_RXDRDY = 0;
    (void)EVENTS_RXDRDY;
    *byte = (uint8_t)(RXD & 0xFFu);
    return 1;
}

void uart_drain(void)
{
    while (sending && EVENTS_TXDRDY == 0u) {
    }
}

void uart_write(const uint8_t *data, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        uart_drain();
        EVENTS_TXDRDY = 0;
        (void)EVENTS_TXDRDY;
        TXD = data[i];
        sending = 1;
    }
}
