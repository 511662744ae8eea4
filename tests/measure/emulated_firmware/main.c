/* A whole program for QEMU's mps2-an386 (Cortex-M4) and mps2-an500 (Cortex-M7) whose network
   executes instructions that can be counted by hand, to hold the counting plugin against. */

#include "network.h"
#include "platform.h"
#include "protocol.h"

#define UART ((volatile uint32_t *)0x40004000u)
#define AIRCR (*(volatile uint32_t *)0xE000ED0Cu)
enum { UART_DATA, UART_STATE, UART_CONTROL, UART_DIVISOR = 4 };

int8_t network_input[NETWORK_INPUT_BYTES];
int8_t network_output[NETWORK_OUTPUT_BYTES];

static struct profile_entry entries[4];
static uint32_t entry_count;

/* 5 instructions around 3 a turn; the branch jumps in all turns but the last. */
static void loop_layer(uint32_t turns)
{
    __asm volatile("mov r10, r10\n"
                   "mov r0, %0\n"
                   "movs r1, #0\n"
                   "1:\n"
                   "adds r1, r1, #1\n"
                   "subs r0, r0, #1\n"
                   "bne 1b\n"
                   "nop\n"
                   "nop\n"
                   "mov r11, r11\n"
                   :
                   : "r"(turns)
                   : "r0", "r1", "cc", "memory");
}

/* 6 instructions: two loads, a store, two multiplications, a division. */
static void mixed_layer(void)
{
    static volatile uint32_t words[2] = {100, 7};
    __asm volatile("mov r10, r10\n"
                   "ldr r1, [%0]\n"
                   "ldr r2, [%0, #4]\n"
                   "smlad r3, r1, r2, r1\n"
                   "mul r3, r1, r2\n"
                   "udiv r3, r1, r2\n"
                   "str r3, [%0]\n"
                   "mov r11, r11\n"
                   :
                   : "r"(words)
                   : "r1", "r2", "r3", "memory");
}

/* 1 instruction behind a marker that is the last whole one of a page of 1 KB, which is where QEMU
   reads on into the next. */
void page_end_layer(void);
__asm(".section .text.page_end_layer, \"ax\", %progbits\n"
      ".syntax unified\n"
      ".thumb\n"
      ".balign 1024\n"
      ".space 1018\n"
      ".global page_end_layer\n"
      ".type page_end_layer, %function\n"
      "page_end_layer:\n"
      "nop\n"
      "mov r10, r10\n"
      "add.w r0, r0, #1\n"
      "mov r11, r11\n"
      "bx lr\n"
      ".text\n");

int32_t network_run(void)
{
    loop_layer(1000);
    mixed_layer();
    loop_layer(3);
    page_end_layer();
    int32_t sum = 0;
    for (uint32_t i = 0; i < NETWORK_INPUT_BYTES; i++) {
        sum += network_input[i];
    }
    for (uint32_t i = 0; i < NETWORK_OUTPUT_BYTES; i++) {
        network_output[i] = (int8_t)(sum + (int32_t)i);
    }
    static const uint32_t layers[4] = {0, 2, 3, 3};
    for (entry_count = 0; entry_count < 4u; entry_count++) {
        entries[entry_count].layer = layers[entry_count];
        entries[entry_count].cycles = 0;
    }
    return 0;
}

uint32_t profile_count(void)
{
    return entry_count;
}

const struct profile_entry *profile_entries(void)
{
    return entries;
}

void profile_reset(void)
{
    entry_count = 0;
}

int platform_uart_read_byte(uint8_t *byte)
{
    if ((UART[UART_STATE] & 2u) == 0u) {
        return 0;
    }
    *byte = (uint8_t)UART[UART_DATA];
    return 1;
}

void platform_uart_write(const uint8_t *data, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        while ((UART[UART_STATE] & 1u) != 0u) {
        }
        UART[UART_DATA] = data[i];
    }
}

uint64_t platform_cycles(void)
{
    return 0;
}

uint32_t platform_clock_hz(void)
{
    return 25000000u;
}

uint32_t platform_stack_high_water(void)
{
    return 512;
}

void platform_reset(void)
{
    AIRCR = 0x05FA0004u;
    for (;;) {
    }
}

extern uint32_t data_begin[], data_end[], data_image[], bss_begin[], bss_end[], stack_top[];

void reset_handler(void);
void reset_handler(void)
{
    uint32_t *from = data_image;
    for (uint32_t *to = data_begin; to != data_end;) {
        *to++ = *from++;
    }
    for (uint32_t *to = bss_begin; to != bss_end;) {
        *to++ = 0;
    }
    UART[UART_DIVISOR] = 16;
    UART[UART_CONTROL] = 3;
    sqtvm_protocol_serve();
}

static void fault_handler(void)
{
    for (;;) {
    }
}

__attribute__((section(".vectors"), used)) static void (*const vectors[16])(void) = {
    (void (*)(void))(uintptr_t)stack_top, reset_handler, fault_handler, fault_handler,
    fault_handler, fault_handler, fault_handler,
};
