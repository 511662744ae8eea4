/* A trap is reported over the UART in one line of text, then the core restarts. */

#include "core.h"
#include "fault.h"
#include "platform.h"

#define READ_CSR(name) \
    __extension__({ \
        uint32_t value; \
        __asm volatile("csrr %0, " #name : "=r"(value)); \
        value; \
    })

__attribute__((noreturn)) void fault_report(uint32_t stack_pointer, uint32_t return_address);

void fault_report(uint32_t stack_pointer, uint32_t return_address)
{
    fault_value("\r\nsqtvm fault: exception ", READ_CSR(mcause));
    fault_value(" mtval ", READ_CSR(mtval));
    fault_value(" pc ", READ_CSR(mepc));
    fault_value(" ra ", return_address);
    fault_value(" stack pointer ", stack_pointer);
    fault_text("\r\n");
    platform_reset();
}
