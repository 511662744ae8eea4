#include "instructions.h"

#include <stdio.h>
#include <stdlib.h>

enum { BUCKETS = 1 << 16 };

static struct instruction *instructions[BUCKETS];
static struct instruction *newest;
static struct block *blocks[BUCKETS];

static void *checked(void *memory)
{
    if (memory == NULL) {
        fprintf(stderr, "count: out of memory\n");
        exit(1);
    }
    return memory;
}

void *allocate(size_t bytes)
{
    return checked(calloc(1, bytes));
}

void *enlarge(void *memory, size_t bytes)
{
    return checked(realloc(memory, bytes));
}

static size_t bucket_of(uint64_t address)
{
    return (size_t)((address >> 1) & (BUCKETS - 1));
}

struct instruction *find_instruction(uint64_t address, uint32_t opcode, unsigned bytes)
{
    struct instruction **head = &instructions[bucket_of(address)];
    for (struct instruction *i = *head; i != NULL; i = i->next) {
        if (i->address == address && i->opcode == opcode) {
            return i;
        }
    }
    struct instruction *new = allocate(sizeof *new);
    *new = (struct instruction){*head, newest, address, opcode, bytes, 0, 0};
    *head = new;
    newest = new;
    return new;
}

struct block *find_block(uint64_t start, uint64_t end, struct instruction *last)
{
    struct block **head = &blocks[bucket_of(start)];
    for (struct block *b = *head; b != NULL; b = b->next) {
        if (b->start == start && b->end == end && b->last == last) {
            return b;
        }
    }
    struct block *new = allocate(sizeof *new);
    *new = (struct block){*head, start, end, last};
    *head = new;
    return new;
}

struct instruction *newest_instruction(void)
{
    return newest;
}
