/* Quads: how activations wait for a matrix product.
 *
 * Four consecutive values k0..k3 become int16 in the order k0 k2 k1 k3, which is the order that
 * SXTB16 and SXTB16 ROR 8 give them in, so that a word pairs with a word of unpacked weights in
 * one SMLAD. For a fully connected layer the two words of a quad are neighbours; for conv2d three
 * output positions A, B and C share a column, so that one LDM feeds six SMLADs:
 *
 *   int16:  A0 A2 | B0 B2 | C0 C2 | A1 A3 | B1 B3 | C1 C3   A4 A6 | B4 B6 ...
 */
#ifndef SQTVM_COLUMN_H
#define SQTVM_COLUMN_H

#include "sqtvm/common.h"

#define SQTVM_COLUMN_QUAD 12 /* int16 of a quad of a column */

/* Expands count int8 values, a multiple of 4, to quads of one position; returns their sum if
 * sums. */
SQTVM_INLINE int32_t sqtvm_expand_quads(const int8_t *values, int32_t count, int16_t *quads,
                                        int32_t sums) {
  int32_t sum = 0;
#pragma GCC unroll 4
  for (int32_t k = 0; k < count; k += 4) {
#if SQTVM_DSP
    const uint32_t word = sqtvm_load_word(values + k);
    const uint32_t even = sqtvm_sxtb16(word);
    const uint32_t odd = sqtvm_sxtb16_ror8(word);
    if (sums) {
      sum = sqtvm_smlad(even, 0x00010001U, sum);
      sum = sqtvm_smlad(odd, 0x00010001U, sum);
    }
    const uint32_t pair[2] = {even, odd};
    memcpy(__builtin_assume_aligned(quads + k, 8), pair, sizeof pair);
#else
    quads[k] = values[k];
    quads[k + 1] = values[k + 2];
    quads[k + 2] = values[k + 1];
    quads[k + 3] = values[k + 3];
    if (sums) {
      sum += values[k] + values[k + 1] + values[k + 2] + values[k + 3];
    }
#endif
  }
  return sum;
}

/* Where the values of three positions stand: `rows` runs of `quads` quads each, `skip` bytes from
 * the end of one to the next. All of it words: the assembly finds them by their place. */
typedef struct {
  const int8_t *a;
  const int8_t *b;
  const int8_t *c;
  int32_t quads;
  int32_t rows;
  int32_t skip;
} sqtvm_window;

#if SQTVM_DSP

#define SQTVM_EXPAND3_QUAD           \
  "ldr r4, [r1], #4\n\t"             \
  "ldr r5, [r2], #4\n\t"             \
  "ldr r6, [r3], #4\n\t"             \
  "sxtb16 r7, r4, ror #8\n\t"        \
  "sxtb16 r8, r5, ror #8\n\t"        \
  "sxtb16 r9, r6, ror #8\n\t"        \
  "sxtb16 r4, r4\n\t"                \
  "sxtb16 r5, r5\n\t"                \
  "sxtb16 r6, r6\n\t"                \
  "stmia r0!, {r4, r5, r6, r7, r8, r9}\n\t"

/* Expands the window to a column; returns its end. A function shared by every layer: GCC takes
 * twice the instructions for the same loop. */
__attribute__((naked, noinline, unused)) static int16_t *sqtvm_expand3(
    __attribute__((unused)) int16_t *column, __attribute__((unused)) const sqtvm_window *window) {
  __asm__ volatile(
      "push {r4, r5, r6, r7, r8, r9, r10, r11, lr}\n\t"
      "ldmia r1, {r1, r2, r3, r10, r11, r12}\n"
      "0:\n\t"
      "lsrs lr, r10, #2\n\t"
      "beq 2f\n"
      "1:\n\t" SQTVM_EXPAND3_QUAD SQTVM_EXPAND3_QUAD SQTVM_EXPAND3_QUAD SQTVM_EXPAND3_QUAD
      "subs lr, lr, #1\n\t"
      "bne 1b\n"
      "2:\n\t"
      "ands lr, r10, #3\n\t"
      "beq 4f\n"
      "3:\n\t" SQTVM_EXPAND3_QUAD
      "subs lr, lr, #1\n\t"
      "bne 3b\n"
      "4:\n\t"
      "add r1, r1, r12\n\t"
      "add r2, r2, r12\n\t"
      "add r3, r3, r12\n\t"
      "subs r11, r11, #1\n\t"
      "bne 0b\n\t"
      "pop {r4, r5, r6, r7, r8, r9, r10, r11, pc}\n\t");
}

#else

SQTVM_INLINE int16_t *sqtvm_expand3(int16_t *column, const sqtvm_window *window) {
  const int8_t *from[3] = {window->a, window->b, window->c};
  for (int32_t row = 0; row < window->rows; ++row) {
    for (int32_t quad = 0; quad < window->quads; ++quad) {
      for (int32_t i = 0; i < 3; ++i) {
        const int8_t *values = from[i] + 4 * quad;
        column[2 * i] = values[0];
        column[2 * i + 1] = values[2];
        column[2 * i + 6] = values[1];
        column[2 * i + 7] = values[3];
      }
      column += SQTVM_COLUMN_QUAD;
    }
    for (int32_t i = 0; i < 3; ++i) {
      from[i] += row + 1 < window->rows ? 4 * window->quads + window->skip : 0;
    }
  }
  return column;
}

#endif

#endif
