/* USART of the STM32F7, named as in RM0385; polled, 8 data bits, no parity, 1 stop bit. */

#include "board.h"
#include "drivers.h"
#include "stm32_gpio.h"

#define RCC_ENR REGISTER(BOARD_UART_ENABLE_REGISTER)
#define USART_CR1 REGISTER(BOARD_UART_BASE + 0x00u)
#define USART_BRR REGISTER(BOARD_UART_BASE + 0x0Cu)
#define USART_ISR REGISTER(BOARD_UART_BASE + 0x1Cu)
#define USART_ICR REGISTER(BOARD_UART_BASE + 0x20u)
#define USART_RDR REGISTER(BOARD_UART_BASE + 0x24u)
#define USART_TDR REGISTER(BOARD_UART_BASE + 0x28u)

enum {
    CR1_UE = 1 << 0,
    CR1_RE = 1 << 2,
    CR1_TE = 1 << 3,
    ISR_ORE = 1 << 3,
    ISR_RXNE = 1 << 5,
    ISR_TC = 1 << 6,
    ISR_TXE = 1 << 7,
    ICR_ORECF = 1 << 3
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

int uart_read_byte(uint8_t *byte)
{
    const uint32_t status = USART_ISR;
    if ((status & ISR_ORE) != 0u) {
        USART_ICR = ICR_ORECF;
    }
    if ((status & ISR_RXNE) == 0u) {
        return 0;
    }
    *byte = (uint8_t)(USART_RDR & 0xFFu);
    return 1;
}

void uart_write(const uint8_t *data, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        while ((USART_ISR & ISR_TXE) == 0u) {
        }
        USART_TDR = data[i];
    }
}

void uart_drain(void)
{
    while ((USART_ISR & ISR_TC) == 0u) {
    }
}
