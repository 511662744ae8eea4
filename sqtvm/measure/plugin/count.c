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

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "caches.h"
#include "counts.h"
#include "instructions.h"
#include "qemu_plugin_api.h"

EXPORT int qemu_plugin_version = 1;

enum marker { BEGIN, END, LAYER_BEGIN, LAYER_END, MARKERS };

static const char *const marker_names[MARKERS] = {"begin", "end", "layer_begin", "layer_end"};
static uint32_t marker_opcodes[MARKERS];
static char *out_path;
static bool is_riscv;

static const struct block *previous_block;
static bool counting;
static int layers_begun;
static bool in_layer;

/* QEMU calls this before it counts the marker: a marker belongs to what it begins, and the one
   that ends an inference to nothing. */
static void on_marker(unsigned cpu, void *which)
{
    (void)cpu;
    switch ((enum marker)(intptr_t)which) {
    case BEGIN:
        collect_counts(OUTSIDE, false);
        forget_counts();
        layers_begun = 0;
        in_layer = false;
        counting = true;
        break;
    case LAYER_BEGIN:
        if (counting && !in_layer) {
            collect_counts(OUTSIDE, true);
            in_layer = true;
            layers_begun++;
        }
        break;
    case LAYER_END:
        if (counting && in_layer) {
            collect_counts(layers_begun - 1, true);
            in_layer = false;
        }
        break;
    case END:
        if (counting) {
            collect_counts(OUTSIDE, true);
            write_counts(out_path, layers_begun);
            counting = false;
        }
        break;
    case MARKERS:
        break;
    }
}

static void on_access(unsigned cpu, uint32_t access, uint64_t address, void *data)
{
    (void)cpu;
    (void)access;
    (void)data;
    access_data(address);
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
    if (follows_code()) {
        fetch_code(block->start, block->end);
    }
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

static struct instruction *translated_instruction(const struct qemu_plugin_insn *translated)
{
    const size_t given = qemu_plugin_insn_size(translated);
    uint32_t opcode = 0;
    memcpy(&opcode, qemu_plugin_insn_data(translated), given < 4 ? given : 4);
    const unsigned bytes = length_of(opcode);
    if (bytes == 2) {
        opcode &= 0xFFFFu;
    }
    return find_instruction(qemu_plugin_insn_vaddr(translated), opcode, bytes);
}

static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    const size_t total = qemu_plugin_tb_n_insns(tb);
    struct instruction *at = NULL;
    uint64_t start = 0;
    (void)id;
    for (size_t n = 0; n < total; n++) {
        struct qemu_plugin_insn *translated = qemu_plugin_tb_get_insn(tb, n);
        at = translated_instruction(translated);
        if (n == 0) {
            start = at->address;
        }
        qemu_plugin_register_vcpu_insn_exec_inline(translated, QEMU_PLUGIN_INLINE_ADD_U64,
                                                   &at->executed, 1);
        if (follows_data()) {
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
    for (int marker = 0; marker < MARKERS; marker++) {
        if (is_named(argument, name, marker_names[marker])) {
            marker_opcodes[marker] = (uint32_t)strtoul(value, NULL, 16);
            return marker_opcodes[marker] != 0;
        }
    }
    return take_cache_argument(argument, name, value);
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
