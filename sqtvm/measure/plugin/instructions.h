/* The instructions and blocks that QEMU translated, each once, found again by where they stand. */
#ifndef SQTVM_INSTRUCTIONS_H
#define SQTVM_INSTRUCTIONS_H

#include <stddef.h>
#include <stdint.h>

struct instruction {
    struct instruction *next; /* in its bucket */
    struct instruction *older; /* of all */
    uint64_t address;
    uint32_t opcode;
    unsigned bytes;
    uint64_t executed; /* since they were last collected */
    uint64_t jumped;
};

struct block {
    struct block *next;
    uint64_t start;
    uint64_t end;
    struct instruction *last;
};

/* Zeroed memory; ends QEMU where there is none left. */
void *allocate(size_t bytes);

/* What was allocated, or NULL, with room for more; ends QEMU where there is none. */
void *enlarge(void *memory, size_t bytes);

struct instruction *find_instruction(uint64_t address, uint32_t opcode, unsigned bytes);

struct block *find_block(uint64_t start, uint64_t end, struct instruction *last);

/* The one that was translated last, from which `older` leads to all. */
struct instruction *newest_instruction(void);

#endif
