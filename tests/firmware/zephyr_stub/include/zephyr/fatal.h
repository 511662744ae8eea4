#pragma once
#include <stdint.h>

struct __basic_sf {
    uint32_t a1, a2, a3, a4, ip, lr, pc, xpsr;
};

struct arch_esf {
    struct __basic_sf basic;
};

void k_sys_fatal_error_handler(unsigned int reason, const struct arch_esf *esf);
