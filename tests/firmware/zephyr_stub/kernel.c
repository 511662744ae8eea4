/* What the application calls of Zephyr, on QEMU's mps2-an385. */

#include <zephyr/drivers/uart.h>
#include <zephyr/fatal.h>
#include <zephyr/kernel.h>
#include <zephyr/sys/reboot.h>
#include <zephyr/timing/timing.h>

#define UART ((volatile uint32_t *)0x40004000u)
#define AIRCR (*(volatile uint32_t *)0xE000ED0Cu)
enum { UART_DATA, UART_STATE, UART_CONTROL, UART_DIVISOR = 4 };
enum { CLOCK_HZ = 25000000, STACK_PAINT = 0xAA };

extern uint32_t data_begin[], data_end[], data_image[], bss_begin[], bss_end[];
extern uint8_t stack_bottom[], stack_top[];

int main(void);

const struct device stub_console = {"uart0"};
static struct k_thread main_thread;
static uint64_t ticks;

bool device_is_ready(const struct device *dev)
{
    return dev == &stub_console;
}

int uart_poll_in(const struct device *dev, unsigned char *p_char)
{
    (void)dev;
    if ((UART[UART_STATE] & 2u) == 0u) {
        return -1;
    }
    *p_char = (unsigned char)UART[UART_DATA];
    return 0;
}

void uart_poll_out(const struct device *dev, unsigned char out_char)
{
    (void)dev;
    while ((UART[UART_STATE] & 1u) != 0u) {
    }
    UART[UART_DATA] = out_char;
}

k_tid_t k_current_get(void)
{
    main_thread.stack_info.start = (uintptr_t)stack_bottom;
    main_thread.stack_info.size = (size_t)(stack_top - stack_bottom);
    return &main_thread;
}

int k_thread_stack_space_get(const struct k_thread *thread, size_t *unused_ptr)
{
    const uint8_t *at = (const uint8_t *)thread->stack_info.start;
    *unused_ptr = 0;
    while (*unused_ptr < thread->stack_info.size && at[*unused_ptr] == STACK_PAINT) {
        (*unused_ptr)++;
    }
    return 0;
}

void k_busy_wait(uint32_t usec_to_wait)
{
    for (volatile uint32_t i = 0; i < usec_to_wait; i++) {
    }
}

uint32_t k_cycle_get_32(void)
{
    return (uint32_t)(ticks += 100u);
}

int sys_clock_hw_cycles_per_sec(void)
{
    return CLOCK_HZ;
}

void timing_init(void)
{
    ticks = 0xFFFFFF00u;
}

void timing_start(void)
{
}

/* Counts 32 bits, as the cycle counter of a Cortex-M does, and soon wraps. */
timing_t timing_counter_get(void)
{
    ticks += 0x40u;
    return (uint32_t)ticks;
}

uint64_t timing_cycles_get(volatile timing_t *const start, volatile timing_t *const end)
{
    return (uint32_t)*end - (uint32_t)*start;
}

uint64_t timing_freq_get(void)
{
    return CLOCK_HZ;
}

void sys_reboot(int type)
{
    (void)type;
    AIRCR = 0x05FA0004u;
    for (;;) {
    }
}

void reset_handler(void);
__attribute__((noreturn)) void reset_handler(void)
{
    uint8_t *const used = (uint8_t *)__builtin_frame_address(0) - 64;
    for (uint8_t *at = stack_bottom; at < used; at++) {
        *at = STACK_PAINT;
    }
    uint32_t *from = data_image;
    for (uint32_t *to = data_begin; to != data_end;) {
        *to++ = *from++;
    }
    for (uint32_t *to = bss_begin; to != bss_end;) {
        *to++ = 0;
    }
    UART[UART_DIVISOR] = 16;
    UART[UART_CONTROL] = 3;
    (void)main();
    for (;;) {
    }
}

void fault_entry(const struct arch_esf *esf);
void fault_entry(const struct arch_esf *esf)
{
    k_sys_fatal_error_handler(0, esf);
}

static __attribute__((naked)) void fault_handler(void)
{
    __asm volatile("mov r0, sp\n"
                   "b fault_entry\n");
}

__attribute__((section(".vectors"), used)) static void (*const vectors[16])(void) = {
    (void (*)(void))(uintptr_t)stack_top, reset_handler, fault_handler, fault_handler,
    fault_handler, fault_handler, fault_handler,
};
