/* Registers of the Cortex-M system control space, as the Armv7-M Architecture Reference Manual
   (DDI 0403) names them. */

#ifndef CORTEX_M_H
#define CORTEX_M_H

#include "registers.h"

#define DWT_CTRL REGISTER(0xE0001000u)
#define DWT_CYCCNT REGISTER(0xE0001004u)
#define DWT_LAR REGISTER(0xE0001FB0u)
#define SYST_CSR REGISTER(0xE000E010u)
#define SYST_RVR REGISTER(0xE000E014u)
#define SYST_CVR REGISTER(0xE000E018u)
#define ICSR REGISTER(0xE000ED04u)
#define VTOR REGISTER(0xE000ED08u)
#define AIRCR REGISTER(0xE000ED0Cu)
#define CCR REGISTER(0xE000ED14u)
#define CFSR REGISTER(0xE000ED28u)
#define HFSR REGISTER(0xE000ED2Cu)
#define MMFAR REGISTER(0xE000ED34u)
#define BFAR REGISTER(0xE000ED38u)
#define CCSIDR REGISTER(0xE000ED80u)
#define CSSELR REGISTER(0xE000ED84u)
#define CPACR REGISTER(0xE000ED88u)
#define MPU_TYPE REGISTER(0xE000ED90u)
#define MPU_CTRL REGISTER(0xE000ED94u)
#define MPU_RNR REGISTER(0xE000ED98u)
#define MPU_RBAR REGISTER(0xE000ED9Cu)
#define MPU_RASR REGISTER(0xE000EDA0u)
#define DEMCR REGISTER(0xE000EDFCu)
#define ICIALLU REGISTER(0xE000EF50u)
#define DCISW REGISTER(0xE000EF60u)

/* The lowest bytes of the stack, which nothing may touch: the smallest region of Armv6-M's memory
   protection, and more than most functions leave untouched of their frames. Armv8-M has a limit of
   the stack instead. */
#if __ARM_ARCH >= 8
#define CORE_STACK_GUARD_BYTES 0u
#else
#define CORE_STACK_GUARD_BYTES 256u
#endif

static inline const uint32_t *core_stack_pointer(void)
{
    const uint32_t *pointer;
    __asm volatile("mov %0, sp" : "=r"(pointer));
    return pointer;
}

static inline void data_barrier(void)
{
    __asm volatile("dsb" ::: "memory");
}

static inline void instruction_barrier(void)
{
    __asm volatile("isb" ::: "memory");
}

#endif
