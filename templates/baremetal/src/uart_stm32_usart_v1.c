/* USART of the STM32F4, named as in RM0390; polled, 8 data bits, no parity, 1 stop bit. */

#include "board.h"
#include "drivers.h"
#include "stm32_gpio.h"

#define RCC_ENR REGISTER(BOARD_UART_ENABLE_REGISTER)
#define USART_SR REGISTER(BOARD_UART_BASE + 0x00u)
#define USART_DR REGISTER(BOARD_UART_BASE + 0x04u)
#define USART_BRR REGISTER(BOARD_UART_BASE + 0x08u)
#define USART_CR1 REGISTER(BOARD_UART_BASE + 0x0Cu)

enum {
    SR_RXNE = 1 << 5,
    SR_TC = 1 << 6,
    SR_TXE = 1 << 7,
    CR1_RE = 1 << 2,
    CR1_TE = 1 << 3,
    CR1_UE = 1 << 13
};

void uart_init(void)
{
    gpio_use_alternate(BOARD_UART_TX_PORT, BOARD_UART_TX_PIN, BOARD_UART_TX_FUNCTION);
    gpio_use_alternate(BOARD_UART_RX_PORT, BOARD_UART_RX_PIN, BOARD_UART_RX_FUNCTION);
    set_bits(&RCC_ENR, 1u << BOARD_UART_ENABLE_BIT);
    (void)RCC_ENR; /* the peripheral is there two bus cycles after its clock */
    USART_CR1 = 0;
    USART_BRR = (BOARD_UART_CLOCK_HZ + BOARD_UART_BAUD / 2u) / BOARD_UART_BAUD;
    USART_CR1 = CR1_UE | CR1_RE | CR1_TE;
}

/* Reading the status and then the data also clears an overrun. */
int uart_read_byte(uint8_t *byte)
{
    if ((USART_SR & SR_RXNE) == 0u) {
        return 0;
    }
    *byte = (uint8_t)(USART_DR & 0xFFu);
    return 1;
}

void uart_write(const uint8_t *data, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        while ((USART_SR & SR_TXE) == 0u) {
        }
        USART_DR = data[i];
    }
}

void uart_drain(void)
{
    while ((USART_SR & SR_TC) == 0u) {
    }
}
