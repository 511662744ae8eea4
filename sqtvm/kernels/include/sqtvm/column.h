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

#if SQTVM_DSP

/* Four quads; in the order in which a Cortex-M7 issues stores or multiplications beside them. */
#define SQTVM_EXPAND1_FOUR      \
  "sxtb16 r5, r4, ror #8\n\t"   \
  "sxtb16 r4, r4\n\t"           \
  "str r5, [r1, #4]\n\t"        \
  "sxtb16 r7, r6, ror #8\n\t"   \
  "str r4, [r1], #32\n\t"       \
  "sxtb16 r6, r6\n\t"           \
  "str r7, [r1, #-20]\n\t"      \
  "sxtb16 r9, r8, ror #8\n\t"   \
  "str r6, [r1, #-24]\n\t"      \
  "sxtb16 r8, r8\n\t"           \
  "str r9, [r1, #-12]\n\t"      \
  "sxtb16 r11, r10, ror #8\n\t" \
  "str r8, [r1, #-16]\n\t"      \
  "sxtb16 r10, r10\n\t"         \
  "str r11, [r1, #-4]\n\t"      \
  "cmp r1, r2\n\t"              \
  "str r10, [r1, #-8]\n\t"

#define SQTVM_EXPAND1_FOUR_SUMS                         \
  "sxtb16 r5, r4, ror #8\n\t"                           \
  "sxtb16 r4, r4\n\t"                                   \
  "smlad r3, r5, lr, r3\n\t"                            \
  "sxtb16 r7, r6, ror #8\n\t"                           \
  "smlad r3, r4, lr, r3\n\t"                            \
  "sxtb16 r6, r6\n\t"                                   \
  "smlad r3, r7, lr, r3\n\t"                            \
  "sxtb16 r9, r8, ror #8\n\t"                           \
  "smlad r3, r6, lr, r3\n\t"                            \
  "sxtb16 r8, r8\n\t"                                   \
  "smlad r3, r9, lr, r3\n\t"                            \
  "sxtb16 r11, r10, ror #8\n\t"                         \
  "smlad r3, r8, lr, r3\n\t"                            \
  "sxtb16 r10, r10\n\t"                                 \
  "smlad r3, r11, lr, r3\n\t"                           \
  "stmia r1!, {r4, r5, r6, r7, r8, r9, r10, r11}\n\t"   \
  "smlad r3, r10, lr, r3\n\t"                           \
  "cmp r1, r2\n\t"

/* To quads of one position, which end at quads_end; values has the alignment of a word. r3 is the
 * sum. The quads over whole fours come first. */
#define SQTVM_EXPAND1_FUNCTION(name, sum, four)                                              \
  __attribute__((naked, noinline, unused)) static int32_t name(                              \
      __attribute__((unused)) const int8_t *values, __attribute__((unused)) int16_t *quads,  \
      __attribute__((unused)) const int16_t *quads_end) {                                    \
    __asm__ volatile(                                                                        \
        "push {r4, r5, r6, r7, r8, r9, r10, r11, lr}\n\t"                                    \
        "mov r3, #0\n\t"                                                                     \
        "mov lr, #0x00010001\n\t"                                                            \
        "sub r12, r2, r1\n\t"                                                                \
        "ands r12, r12, #24\n\t"                                                             \
        "beq 2f\n"                                                                           \
        "1:\n\t"                                                                             \
        "ldr r4, [r0], #4\n\t"                                                               \
        "sxtb16 r5, r4, ror #8\n\t"                                                          \
        "sxtb16 r4, r4\n\t"                                                                  \
        "strd r4, r5, [r1], #8\n\t" sum                                                      \
        "subs r12, r12, #8\n\t"                                                              \
        "bne 1b\n\t"                                                                         \
        "cmp r1, r2\n\t"                                                                     \
        "beq 3f\n"                                                                           \
        "2:\n\t"                                                                             \
        "ldmia r0!, {r4, r6, r8, r10}\n\t" four                                              \
        "bne 2b\n"                                                                           \
        "3:\n\t"                                                                             \
        "mov r0, r3\n\t"                                                                     \
        "pop {r4, r5, r6, r7, r8, r9, r10, r11, pc}\n\t");                                   \
  }

SQTVM_EXPAND1_FUNCTION(sqtvm_expand1, "", SQTVM_EXPAND1_FOUR)
SQTVM_EXPAND1_FUNCTION(sqtvm_expand1_sums,
                       "smlad r3, r4, lr, r3\n\t"
                       "smlad r3, r5, lr, r3\n\t",
                       SQTVM_EXPAND1_FOUR_SUMS)

#endif

/* Expands count int8 values, a multiple of 4, from a word on, to quads of one position; returns
 * their sum if sums. */
SQTVM_INLINE int32_t sqtvm_expand_quads(const int8_t *values, int32_t count, int16_t *quads,
                                        int32_t sums) {
#if SQTVM_DSP
  if (count == 0) {
    return 0;
  }
  return sums ? sqtvm_expand1_sums(values, quads, quads + count)
              : sqtvm_expand1(values, quads, quads + count);
#else
  int32_t sum = 0;
  for (int32_t k = 0; k < count; k += 4) {
    quads[k] = values[k];
    quads[k + 1] = values[k + 2];
    quads[k + 2] = values[k + 1];
    quads[k + 3] = values[k + 3];
    sum += values[k] + values[k + 1] + values[k + 2] + values[k + 3];
  }
  return sums ? sum : 0;
#endif
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

#define SQTVM_EXPAND3_QUAD(sums)               \
  "ldr r4, [r1], #4\n\t"                       \
  "ldr r5, [r2], #4\n\t"                       \
  "ldr r6, [r3], #4\n\t"                       \
  "sxtb16 r7, r4, ror #8\n\t"                  \
  "sxtb16 r8, r5, ror #8\n\t"                  \
  "sxtb16 r9, r6, ror #8\n\t"                  \
  "sxtb16 r4, r4\n\t"                          \
  "sxtb16 r5, r5\n\t"                          \
  "sxtb16 r6, r6\n\t"                          \
  "stmia r0!, {r4, r5, r6, r7, r8, r9}\n\t" sums

#define SQTVM_EXPAND3_SUMS     \
  "smlad r10, r4, lr, r10\n\t" \
  "smlad r11, r5, lr, r11\n\t" \
  "smlad r12, r6, lr, r12\n\t" \
  "smlad r10, r7, lr, r10\n\t" \
  "smlad r11, r8, lr, r11\n\t" \
  "smlad r12, r9, lr, r12\n\t"

/* Functions shared by every layer: GCC takes twice the instructions for the same loops. r0 walks
 * the column, r1 to r3 the values. Here r10 is the bytes of a row in the column, r11 counts rows,
 * and the loop is entered where the remainder over four quads begins (three times a remainder of
 * 1, 2, 3 is 3, 2, 1 over four). */
__attribute__((naked, noinline, unused)) static int16_t *sqtvm_expand3(
    __attribute__((unused)) int16_t *column, __attribute__((unused)) const sqtvm_window *window) {
  __asm__ volatile(
      "push {r4, r5, r6, r7, r8, r9, r10, r11, lr}\n\t"
      "ldmia r1, {r1, r2, r3, r10, r11, r12}\n\t"
      "add r10, r10, r10, lsl #1\n\t"
      "lsl r10, r10, #3\n"
      "0:\n\t"
      "ands r4, r10, #24\n\t"
      "add lr, r0, r10\n\t"
      "beq 1f\n\t"
      "cmp r4, #16\n\t"
      "beq 3f\n\t"
      "bgt 4f\n\t"
      "b 2f\n"
      "1:\n\t" SQTVM_EXPAND3_QUAD("")
      "2:\n\t" SQTVM_EXPAND3_QUAD("")
      "3:\n\t" SQTVM_EXPAND3_QUAD("")
      "4:\n\t" SQTVM_EXPAND3_QUAD("")
      "cmp r0, lr\n\t"
      "bne 1b\n\t"
      "add r1, r1, r12\n\t"
      "add r2, r2, r12\n\t"
      "add r3, r3, r12\n\t"
      "subs r11, r11, #1\n\t"
      "bne 0b\n\t"
      "pop {r4, r5, r6, r7, r8, r9, r10, r11, pc}\n\t");
}

/* Adds the values, each times either lane of `factor`, to three sums as well: r10 to r12. At sp:
 * the end of the row in the column, its bytes, the rows left, the skip and the sums. */
__attribute__((naked, noinline, unused)) static int16_t *sqtvm_expand3_sums(
    __attribute__((unused)) int16_t *column, __attribute__((unused)) const sqtvm_window *window,
    __attribute__((unused)) int32_t *sums, __attribute__((unused)) uint32_t factor) {
  __asm__ volatile(
      "push {r2, r4, r5, r6, r7, r8, r9, r10, r11, lr}\n\t"
      "mov r12, r2\n\t"
      "mov lr, r3\n\t"
      "ldmia r1, {r1, r2, r3, r4, r5, r6}\n\t"
      "ldmia r12, {r10, r11, r12}\n\t"
      "add r4, r4, r4, lsl #1\n\t"
      "lsl r4, r4, #3\n\t"
      "push {r3, r4, r5, r6}\n"
      "0:\n\t"
      "ldr r4, [sp, #4]\n\t"
      "add r5, r0, r4\n\t"
      "ands r4, r4, #24\n\t"
      "str r5, [sp]\n\t"
      "beq 1f\n\t"
      "cmp r4, #16\n\t"
      "beq 3f\n\t"
      "bgt 4f\n\t"
      "b 2f\n"
      "1:\n\t" SQTVM_EXPAND3_QUAD(SQTVM_EXPAND3_SUMS)
      "2:\n\t" SQTVM_EXPAND3_QUAD(SQTVM_EXPAND3_SUMS)
      "3:\n\t" SQTVM_EXPAND3_QUAD(SQTVM_EXPAND3_SUMS)
      "4:\n\t" SQTVM_EXPAND3_QUAD(SQTVM_EXPAND3_SUMS)
      "ldr r4, [sp]\n\t"
      "cmp r0, r4\n\t"
      "bne 1b\n\t"
      "ldrd r4, r5, [sp, #8]\n\t"
      "subs r4, r4, #1\n\t"
      "beq 5f\n\t"
      "add r1, r1, r5\n\t"
      "add r2, r2, r5\n\t"
      "add r3, r3, r5\n\t"
      "str r4, [sp, #8]\n\t"
      "b 0b\n"
      "5:\n\t"
      "add sp, sp, #16\n\t"
      "ldr r1, [sp], #4\n\t"
      "stmia r1, {r10, r11, r12}\n\t"
      "pop {r4, r5, r6, r7, r8, r9, r10, r11, pc}\n\t");
}

#else

SQTVM_INLINE int16_t *sqtvm_expand3_sums(int16_t *column, const sqtvm_window *window,
                                         int32_t *sums, uint32_t factor) {
  const int32_t times = (int16_t)(uint16_t)(factor & 0xFFFFU);
  const int8_t *from[3] = {window->a, window->b, window->c};
  for (int32_t row = 0; row < window->rows; ++row) {
    for (int32_t quad = 0; quad < window->quads; ++quad) {
      for (int32_t i = 0; i < 3; ++i) {
        const int8_t *values = from[i] + 4 * quad;
        column[2 * i] = values[0];
        column[2 * i + 1] = values[2];
        column[2 * i + 6] = values[1];
        column[2 * i + 7] = values[3];
        sums[i] += times * (values[0] + values[1] + values[2] + values[3]);
      }
      column += SQTVM_COLUMN_QUAD;
    }
    for (int32_t i = 0; i < 3; ++i) {
      from[i] += row + 1 < window->rows ? 4 * window->quads + window->skip : 0;
    }
  }
  return column;
}

SQTVM_INLINE int16_t *sqtvm_expand3(int16_t *column, const sqtvm_window *window) {
  int32_t unused[3] = {0, 0, 0};
  return sqtvm_expand3_sums(column, window, unused, 0);
}

#endif

/* Where the values of each position are added to, times factor; no sums: they are not. */
typedef struct {
  int32_t *sums;
  int32_t factor;
} sqtvm_scaled_sums;

/* Expands a window, which may be empty, to a column and returns its end. */
SQTVM_INLINE int16_t *sqtvm_expand_window(int16_t *column, const sqtvm_window *window,
                                          sqtvm_scaled_sums scaled) {
  if (window->quads == 0) {
    return column;
  }
  return scaled.sums ? sqtvm_expand3_sums(column, window, scaled.sums,
                                          ((uint32_t)scaled.factor & 0xFFFFU) * 0x00010001U)
                     : sqtvm_expand3(column, window);
}

#endif
