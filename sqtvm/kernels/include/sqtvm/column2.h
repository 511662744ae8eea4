/* Columns of two output positions A and B, for the tile of two positions and four channels. A quad:
 *
 *   int16:  A0 A2 | B0 B2 | A1 A3 | B1 B3
 */
#ifndef SQTVM_COLUMN2_H
#define SQTVM_COLUMN2_H

#include "sqtvm/column.h"

#define SQTVM_COLUMN2_QUAD 8 /* int16 of a quad of a column */

#if SQTVM_DSP

/* r0 walks the column, r1 and r2 the values. */
#define SQTVM_EXPAND2_QUAD(add)        \
  "ldr r4, [r1], #4\n\t"               \
  "ldr r5, [r2], #4\n\t"               \
  "sxtb16 r6, r4, ror #8\n\t"          \
  "sxtb16 r7, r5, ror #8\n\t"          \
  "sxtb16 r4, r4\n\t"                  \
  "sxtb16 r5, r5\n\t"                  \
  "stmia r0!, {r4, r5, r6, r7}\n\t" add

/* Adds what was expanded, times either lane of lr, to r8 and r9. */
#define SQTVM_EXPAND2_ADD     \
  "smlad r8, r4, lr, r8\n\t"  \
  "smlad r9, r5, lr, r9\n\t"  \
  "smlad r8, r6, lr, r8\n\t"  \
  "smlad r9, r7, lr, r9\n\t"

/* The rows of a window: r3 is the quads of a row, then their bytes in the column, r12 where the row
 * ends there, r10 counts rows, r11 is the skip. */
#define SQTVM_EXPAND2_ROWS(add)    \
  "lsl r3, r3, #4\n"               \
  "0:\n\t"                         \
  "add r12, r0, r3\n\t"            \
  "tst r3, #16\n\t"                \
  "bne 2f\n"                       \
  "1:\n\t" SQTVM_EXPAND2_QUAD(add) \
  "2:\n\t" SQTVM_EXPAND2_QUAD(add) \
  "cmp r0, r12\n\t"                \
  "bne 1b\n\t"                     \
  "add r1, r1, r11\n\t"            \
  "add r2, r2, r11\n\t"            \
  "subs r10, r10, #1\n\t"          \
  "bne 0b\n\t"

/* As sqtvm_expand3 for two positions. */
__attribute__((naked, noinline, unused)) static int16_t *sqtvm_expand2(
    __attribute__((unused)) int16_t *column, __attribute__((unused)) const sqtvm_window *window) {
  __asm__ volatile(
      "push {r4, r5, r6, r7, r10, r11, lr}\n\t"
      "ldr r2, [r1, #4]\n\t"
      "ldr r3, [r1, #12]\n\t"
      "ldr r10, [r1, #16]\n\t"
      "ldr r11, [r1, #20]\n\t"
      "ldr r1, [r1]\n\t" SQTVM_EXPAND2_ROWS("")
      "pop {r4, r5, r6, r7, r10, r11, pc}\n\t");
}

/* Adds the values, each times either lane of `factor`, to two sums as well. */
__attribute__((naked, noinline, unused)) static int16_t *sqtvm_expand2_sums(
    __attribute__((unused)) int16_t *column, __attribute__((unused)) const sqtvm_window *window,
    __attribute__((unused)) int32_t *sums, __attribute__((unused)) uint32_t factor) {
  __asm__ volatile(
      "push {r2, r4, r5, r6, r7, r8, r9, r10, r11, lr}\n\t"
      "mov lr, r3\n\t"
      "ldr r8, [r2]\n\t"
      "ldr r9, [r2, #4]\n\t"
      "ldr r2, [r1, #4]\n\t"
      "ldr r3, [r1, #12]\n\t"
      "ldr r10, [r1, #16]\n\t"
      "ldr r11, [r1, #20]\n\t"
      "ldr r1, [r1]\n\t" SQTVM_EXPAND2_ROWS(SQTVM_EXPAND2_ADD)
      "ldr r1, [sp], #4\n\t"
      "str r8, [r1]\n\t"
      "str r9, [r1, #4]\n\t"
      "pop {r4, r5, r6, r7, r8, r9, r10, r11, pc}\n\t");
}

#else

SQTVM_INLINE int16_t *sqtvm_expand2(int16_t *column, const sqtvm_window *window) {
  const int8_t *from[2] = {window->a, window->b};
  for (int32_t row = 0; row < window->rows; ++row) {
    for (int32_t quad = 0; quad < window->quads; ++quad) {
      for (int32_t i = 0; i < 2; ++i) {
        const int8_t *values = from[i] + 4 * quad;
        column[2 * i] = values[0];
        column[2 * i + 1] = values[2];
        column[2 * i + 4] = values[1];
        column[2 * i + 5] = values[3];
      }
      column += SQTVM_COLUMN2_QUAD;
    }
    for (int32_t i = 0; i < 2; ++i) {
      from[i] += row + 1 < window->rows ? 4 * window->quads + window->skip : 0;
    }
  }
  return column;
}

#endif

/* Expands a window, which may be empty, to a column and returns its end. The portable tile takes no
 * sums: it reads weights without their offset. */
SQTVM_INLINE int16_t *sqtvm_expand_window2(int16_t *column, const sqtvm_window *window,
                                           sqtvm_scaled_sums scaled) {
  if (window->quads == 0) {
    return column;
  }
#if SQTVM_DSP
  if (scaled.sums) {
    return sqtvm_expand2_sums(column, window, scaled.sums,
                              ((uint32_t)scaled.factor & 0xFFFFU) * 0x00010001U);
  }
#else
  (void)scaled;
#endif
  return sqtvm_expand2(column, window);
}

#endif
