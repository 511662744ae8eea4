/* What the common start, the stack's measure and the fault reports need of the core. */

#ifndef CORE_H
#define CORE_H

#if defined(__riscv)
#include "riscv.h"
#else
#include "cortex_m.h"
#endif

/* startup.c: from the architecture's entry, with the stack pointer set, to main. */
__attribute__((noreturn)) void start(void);

#endif
