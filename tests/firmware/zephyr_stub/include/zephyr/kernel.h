#pragma once
#include <stddef.h>
#include <stdint.h>

#define ARG_UNUSED(x) (void)(x)
#define CODE_UNREACHABLE __builtin_unreachable()

struct _thread_stack_info {
    uintptr_t start;
    size_t size;
    size_t delta;
};

struct k_thread {
    struct _thread_stack_info stack_info;
};

typedef struct k_thread *k_tid_t;

k_tid_t k_current_get(void);
int k_thread_stack_space_get(const struct k_thread *thread, size_t *unused_ptr);
void k_busy_wait(uint32_t usec_to_wait);
uint32_t k_cycle_get_32(void);
int sys_clock_hw_cycles_per_sec(void);
