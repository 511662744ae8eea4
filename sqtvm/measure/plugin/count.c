/* A QEMU plugin that counts executed instructions by address, for each part of one inference.

   Four no-operations in the guest's code steer it, given as `begin=`, `end=`, `layer_begin=` and
   `layer_end=` (hexadecimal, as the instruction lies in memory read as one little-endian number).
   At each `begin` counting starts from zero; at the `end` that follows, the table is written to
   `out=`, first under another name, so that a reader finds either nothing or all of it. Layers
   are numbered from 0 in the order of execution; what is in no layer is segment -1.

   A line of the table: segment, address (hexadecimal), opcode (hexadecimal, byte by byte as in
   memory), how often it was executed, how often a jump followed; tab-separated. The last line is
   "end" and the number of layers.

   With `flash=FIRST:END`, `code_cache=WAYS:SETS` and `data_cache=WAYS:SETS` (hexadecimal, and
   `ram=FIRST:END` for memory that is cached like it) two caches are followed beside it, with
   lines of 32 bytes, the least recently used one making way. Lines "fills", segment, and how
   often a line had to be filled with code, with data of the flash, and with data of the RAM.

   Counting is by instruction and not by translation block, whose borders depend on the host. An
   instruction that its condition skipped counts as executed: it takes its cycle. */

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* QEMU's plugin interface, version 1 (QEMU 4.2 to 8.1; accepted by later ones that still list 1
   as their oldest). */
typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
/* More follows; only the first field is of interest. */
typedef struct qemu_info_t {
    const char *target_name;
} qemu_info_t;
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };
#define EXPORT __attribute__((visibility("default")))

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t,
                                           void (*)(qemu_plugin_id_t, struct qemu_plugin_tb *));
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *, void (*)(unsigned, void *),
                                          enum qemu_plugin_cb_flags, void *);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *, void (*)(unsigned, void *),
                                            enum qemu_plugin_cb_flags, void *);
enum qemu_plugin_mem_rw { QEMU_PLUGIN_MEM_RW = 3 };
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *,
                                      void (*)(unsigned, uint32_t, uint64_t, void *),
                                      enum qemu_plugin_cb_flags, enum qemu_plugin_mem_rw, void *);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *, enum qemu_plugin_op,
                                                void *, uint64_t);

EXPORT int qemu_plugin_version = 1;

struct instruction {
    struct instruction *next; /* in its bucket */
    struct instruction *older; /* of all */
    uint64_t address;
    uint32_t opcode;
    unsigned bytes;
    uint64_t executed; /* since the last time that `collect` ran */
    uint64_t jumped;
};

struct block {
    struct block *next;
    uint64_t start;
    uint64_t end;
    struct instruction *last;
};

struct count {
    int segment;
    const struct instruction *instruction;
    uint64_t executed;
    uint64_t jumped;
};

struct range {
    uint64_t first;
    uint64_t end;
};

/* tags: by set, the one that was used last in front; 0 is none, because a tag is a line's number
   and one. */
struct cache {
    unsigned ways;
    unsigned sets;
    uint64_t *tags;
};

enum filled { CODE, FLASH_DATA, RAM_DATA, FILLED };

struct fills {
    int segment;
    uint64_t lines[FILLED];
};

enum { BUCKETS = 1 << 16, OUTSIDE = -1, LINE_BYTES = 32 };
enum marker { BEGIN, END, LAYER_BEGIN, LAYER_END, MARKERS };

static const char *const marker_names[MARKERS] = {"begin", "end", "layer_begin", "layer_end"};
static uint32_t marker_opcodes[MARKERS];
static char *out_path;
static bool is_riscv;

static struct instruction *instructions[BUCKETS];
static struct instruction *newest;
static struct block *blocks[BUCKETS];
static const struct block *previous_block;

static struct range flash;
static struct range ram;
static struct cache code_cache;
static struct cache data_cache;
static uint64_t filled_lines[FILLED]; /* since the last time that `collect` ran */
static struct fills *fills;
static size_t fills_total;

static struct count *counts;
static size_t count_total;
static size_t count_capacity;
static bool counting;
static int layers_begun;
static bool in_layer;

static void *allocate(size_t bytes)
{
    void *memory = calloc(1, bytes);
    if (memory == NULL) {
        fprintf(stderr, "count: out of memory\n");
        exit(1);
    }
    return memory;
}

static void add_count(int segment, const struct instruction *instruction)
{
    if (count_total == count_capacity) {
        count_capacity = count_capacity == 0 ? 4096 : 2 * count_capacity;
        counts = realloc(counts, count_capacity * sizeof *counts);
        if (counts == NULL) {
            fprintf(stderr, "count: out of memory\n");
            exit(1);
        }
    }
    counts[count_total++] = (struct count){segment, instruction, instruction->executed,
                                           instruction->jumped};
}

static void add_fills(int segment)
{
    fills = realloc(fills, (fills_total + 1) * sizeof *fills);
    if (fills == NULL) {
        fprintf(stderr, "count: out of memory\n");
        exit(1);
    }
    fills[fills_total].segment = segment;
    memcpy(fills[fills_total].lines, filled_lines, sizeof filled_lines);
    fills_total++;
}

/* Moves what was counted since the last call to `segment`, or forgets it. */
static void collect(int segment, bool keep)
{
    if (keep && flash.end != 0) {
        add_fills(segment);
    }
    memset(filled_lines, 0, sizeof filled_lines);
    for (struct instruction *i = newest; i != NULL; i = i->older) {
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

static void write_table(void)
{
    const size_t length = strlen(out_path) + 5;
    char *partial = allocate(length);
    snprintf(partial, length, "%s.new", out_path);
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
        good = fprintf(file, "end\t%d\n", layers_begun) > 0 && good;
        good = fclose(file) == 0 && good;
    }
    if (!good || rename(partial, out_path) != 0) {
        fprintf(stderr, "count: cannot write %s\n", out_path);
        exit(1);
    }
    free(partial);
}

/* QEMU calls this before it counts the marker: a marker belongs to what it begins, and the one
   that ends an inference to nothing. */
static void on_marker(unsigned cpu, void *which)
{
    (void)cpu;
    switch ((enum marker)(intptr_t)which) {
    case BEGIN:
        collect(OUTSIDE, false);
        count_total = 0;
        fills_total = 0;
        layers_begun = 0;
        in_layer = false;
        counting = true;
        break;
    case LAYER_BEGIN:
        if (counting && !in_layer) {
            collect(OUTSIDE, true);
            in_layer = true;
            layers_begun++;
        }
        break;
    case LAYER_END:
        if (counting && in_layer) {
            collect(layers_begun - 1, true);
            in_layer = false;
        }
        break;
    case END:
        if (counting) {
            collect(OUTSIDE, true);
            merge_counts();
            write_table();
            counting = false;
        }
        break;
    case MARKERS:
        break;
    }
}

static bool within(const struct range *range, uint64_t address)
{
    return address >= range->first && address < range->end;
}

/* Whether the line was there; afterwards it is. */
static bool touch(struct cache *cache, uint64_t address)
{
    const uint64_t tag = address / LINE_BYTES + 1;
    uint64_t *tags = &cache->tags[(address / LINE_BYTES % cache->sets) * cache->ways];
    unsigned way = 0;
    while (way < cache->ways - 1 && tags[way] != tag) {
        way++;
    }
    const bool found = tags[way] == tag;
    memmove(&tags[1], &tags[0], way * sizeof *tags);
    tags[0] = tag;
    return found;
}

static void on_access(unsigned cpu, uint32_t access, uint64_t address, void *data)
{
    (void)cpu;
    (void)access;
    (void)data;
    const bool from_flash = within(&flash, address);
    if ((from_flash || within(&ram, address)) && !touch(&data_cache, address)) {
        filled_lines[from_flash ? FLASH_DATA : RAM_DATA]++;
    }
}

static void fetch(const struct block *block)
{
    for (uint64_t at = block->start - block->start % LINE_BYTES; at < block->end;
         at += LINE_BYTES) {
        if (within(&flash, at) && !touch(&code_cache, at)) {
            filled_lines[CODE]++;
        }
    }
}

/* Blocks follow each other in memory unless the last instruction of the former jumped. */
static void on_block(unsigned cpu, void *data)
{
    const struct block *block = data;
    (void)cpu;
    if (previous_block != NULL && previous_block->end != block->start) {
        previous_block->last->jumped++;
    }
    previous_block = block;
    if (code_cache.tags != NULL) {
        fetch(block);
    }
}

static size_t bucket_of(uint64_t address)
{
    return (size_t)((address >> 1) & (BUCKETS - 1));
}

/* QEMU looks at the next instruction where a page is about to end, and then gives the bytes of both
   as one; so the length is read from the instruction itself. Of Arm only Thumb is known here. */
static unsigned length_of(uint32_t opcode)
{
    if (is_riscv) {
        return (opcode & 3u) == 3u ? 4u : 2u;
    }
    return (opcode & 0xF800u) >= 0xE800u ? 4u : 2u;
}

static struct instruction *find_instruction(const struct qemu_plugin_insn *translated)
{
    const uint64_t address = qemu_plugin_insn_vaddr(translated);
    const size_t given = qemu_plugin_insn_size(translated);
    uint32_t opcode = 0;
    memcpy(&opcode, qemu_plugin_insn_data(translated), given < 4 ? given : 4);
    const unsigned bytes = length_of(opcode);
    if (bytes == 2) {
        opcode &= 0xFFFFu;
    }

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

static struct block *find_block(uint64_t start, uint64_t end, struct instruction *last)
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

static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    const size_t total = qemu_plugin_tb_n_insns(tb);
    struct instruction *at = NULL;
    uint64_t start = 0;
    (void)id;
    for (size_t n = 0; n < total; n++) {
        struct qemu_plugin_insn *translated = qemu_plugin_tb_get_insn(tb, n);
        at = find_instruction(translated);
        if (n == 0) {
            start = at->address;
        }
        qemu_plugin_register_vcpu_insn_exec_inline(translated, QEMU_PLUGIN_INLINE_ADD_U64,
                                                   &at->executed, 1);
        if (data_cache.tags != NULL) {
            qemu_plugin_register_vcpu_mem_cb(translated, on_access, QEMU_PLUGIN_CB_NO_REGS,
                                             QEMU_PLUGIN_MEM_RW, NULL);
        }
        for (int marker = 0; marker < MARKERS; marker++) {
            if (at->opcode == marker_opcodes[marker]) {
                qemu_plugin_register_vcpu_insn_exec_cb(translated, on_marker,
                                                       QEMU_PLUGIN_CB_NO_REGS,
                                                       (void *)(intptr_t)marker);
            }
        }
    }
    if (at != NULL) {
        qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, QEMU_PLUGIN_CB_NO_REGS,
                                             find_block(start, at->address + at->bytes, at));
    }
}

/* "a:b", both hexadecimal. */
static bool take_pair(const char *value, uint64_t *first, uint64_t *second)
{
    char *colon = NULL;
    *first = strtoull(value, &colon, 16);
    if (*colon != ':') {
        return false;
    }
    *second = strtoull(colon + 1, NULL, 16);
    return true;
}

static bool take_cache(const char *value, struct cache *cache)
{
    uint64_t ways = 0;
    uint64_t sets = 0;
    if (!take_pair(value, &ways, &sets) || ways == 0 || sets == 0) {
        return false;
    }
    cache->ways = (unsigned)ways;
    cache->sets = (unsigned)sets;
    cache->tags = allocate(ways * sets * sizeof *cache->tags);
    return true;
}

static bool is_named(const char *argument, size_t length, const char *name)
{
    return strlen(name) == length && strncmp(argument, name, length) == 0;
}

static bool take_argument(const char *argument)
{
    const char *value = strchr(argument, '=');
    if (value == NULL) {
        return false;
    }
    const size_t name = (size_t)(value - argument);
    value++;
    if (is_named(argument, name, "out")) {
        out_path = strdup(value);
        return out_path != NULL;
    }
    if (is_named(argument, name, "flash")) {
        return take_pair(value, &flash.first, &flash.end);
    }
    if (is_named(argument, name, "ram")) {
        return take_pair(value, &ram.first, &ram.end);
    }
    if (is_named(argument, name, "code_cache")) {
        return take_cache(value, &code_cache);
    }
    if (is_named(argument, name, "data_cache")) {
        return take_cache(value, &data_cache);
    }
    for (int marker = 0; marker < MARKERS; marker++) {
        if (is_named(argument, name, marker_names[marker])) {
            marker_opcodes[marker] = (uint32_t)strtoul(value, NULL, 16);
            return marker_opcodes[marker] != 0;
        }
    }
    return false;
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
    is_riscv = strncmp(info->target_name, "riscv", 5) == 0;
    for (int i = 0; i < argc; i++) {
        if (!take_argument(argv[i])) {
            fprintf(stderr, "count: cannot use the argument %s\n", argv[i]);
            return 1;
        }
    }
    for (int marker = 0; marker < MARKERS; marker++) {
        if (marker_opcodes[marker] == 0 || out_path == NULL) {
            fprintf(stderr, "count: out= and all of the markers are needed\n");
            return 1;
        }
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    return 0;
}
