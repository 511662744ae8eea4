#include "counts.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "caches.h"
#include "instructions.h"

struct count {
    int segment;
    const struct instruction *instruction;
    uint64_t executed;
    uint64_t jumped;
};

struct fills {
    int segment;
    uint64_t lines[FILLED];
};

static struct count *counts;
static size_t count_total;
static size_t count_capacity;
static struct fills *fills;
static size_t fills_total;

static void add_count(int segment, const struct instruction *instruction)
{
    if (count_total == count_capacity) {
        count_capacity = count_capacity == 0 ? 4096 : 2 * count_capacity;
        counts = enlarge(counts, count_capacity * sizeof *counts);
    }
    counts[count_total++] = (struct count){segment, instruction, instruction->executed,
                                           instruction->jumped};
}

void forget_counts(void)
{
    count_total = 0;
    fills_total = 0;
}

void collect_counts(int segment, bool keep)
{
    struct fills now = {.segment = segment};
    take_fills(now.lines);
    if (keep && follows_data()) {
        fills = enlarge(fills, (fills_total + 1) * sizeof *fills);
        fills[fills_total++] = now;
    }
    for (struct instruction *i = newest_instruction(); i != NULL; i = i->older) {
        if (keep && i->executed != 0) {
            add_count(segment, i);
        }
        i->executed = 0;
        i->jumped = 0;
    }
}

static int by_place(const void *left, const void *right)
{
    const struct count *a = left;
    const struct count *b = right;
    if (a->segment != b->segment) {
        return a->segment < b->segment ? -1 : 1;
    }
    if (a->instruction->address != b->instruction->address) {
        return a->instruction->address < b->instruction->address ? -1 : 1;
    }
    return 0;
}

/* The pieces outside of any layer are one segment: equal addresses are added up. */
static void merge_counts(void)
{
    size_t kept = 0;
    qsort(counts, count_total, sizeof *counts, by_place);
    for (size_t i = 0; i < count_total; i++) {
        struct count *last = kept > 0 ? &counts[kept - 1] : NULL;
        if (last != NULL && last->segment == counts[i].segment &&
            last->instruction == counts[i].instruction) {
            last->executed += counts[i].executed;
            last->jumped += counts[i].jumped;
        } else {
            counts[kept++] = counts[i];
        }
    }
    count_total = kept;
}

void write_counts(const char *path, int layers)
{
    merge_counts();
    const size_t length = strlen(path) + 5;
    char *partial = allocate(length);
    snprintf(partial, length, "%s.new", path);
    FILE *file = fopen(partial, "w");
    bool good = file != NULL;
    if (good) {
        for (size_t i = 0; i < count_total; i++) {
            const struct instruction *at = counts[i].instruction;
            good = fprintf(file, "%d\t%" PRIx64 "\t", counts[i].segment, at->address) > 0 && good;
            for (unsigned byte = 0; byte < at->bytes; byte++) {
                good = fprintf(file, "%02x", (at->opcode >> (8 * byte)) & 0xFFu) > 0 && good;
            }
            good = fprintf(file, "\t%" PRIu64 "\t%" PRIu64 "\n", counts[i].executed,
                           counts[i].jumped) > 0 && good;
        }
        for (size_t i = 0; i < fills_total; i++) {
            good = fprintf(file, "fills\t%d\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\n",
                           fills[i].segment, fills[i].lines[CODE], fills[i].lines[FLASH_DATA],
                           fills[i].lines[RAM_DATA]) > 0 && good;
        }
        good = fprintf(file, "end\t%d\n", layers) > 0 && good;
        good = fclose(file) == 0 && good;
    }
    if (!good || rename(partial, path) != 0) {
        fprintf(stderr, "count: cannot write %s\n", path);
        exit(1);
    }
    free(partial);
}
