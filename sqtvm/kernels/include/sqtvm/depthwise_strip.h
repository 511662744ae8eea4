/* Strips: how activations wait for a depthwise convolution on cores with SMLAD.
 *
 * A strip is eight padded rows of four channels. The words of a pair of neighbouring columns, two
 * int16 each, stand together, channel by channel and row by row, so that one LDM brings the rows
 * of a window:
 *
 *   columns 0 1: channel 0 rows 0..7 | channel 1 rows 0..7 | channel 2 ... | channel 3 ...
 *   columns 2 3: ...
 *
 * Every input value is expanded once; rows that the next strip needs too are moved.
 */
#ifndef SQTVM_DEPTHWISE_STRIP_H
#define SQTVM_DEPTHWISE_STRIP_H

#include "sqtvm/depthwise_shape.h"

#define SQTVM_STRIP_ROWS 8
#define SQTVM_STRIP_PAIR (4 * SQTVM_STRIP_ROWS) /* words */

/* One function for all layers; without a copy for each that the compiler knows numbers of. */
#define SQTVM_ONCE __attribute__((noinline, noclone, unused)) static

/* Rows of four channels, two at a time; all of it words: the assembly finds them by their place. a,
 * b: their first columns; a_step, b_step: bytes from one column to the next, 0 where a row is
 * padding, whose value is `padding` in all lanes; to: where the first pair goes of which a column
 * is inside; left: 1 where the other one is not; end: of the pairs inside altogether; right: 1
 * where one pair more begins inside; twos: how often two rows; lines: bytes from two rows to the
 * next. */
typedef struct {
  const int8_t *a;
  const int8_t *b;
  int32_t a_step;
  int32_t b_step;
  uint32_t *to;
  uint32_t *end;
  int32_t left;
  int32_t right;
  uint32_t padding;
  int32_t twos;
  int32_t lines;
  int32_t begin;
  int32_t inside;
} sqtvm_strip_rows;

#define SQTVM_SMLA(name)                                                              \
  SQTVM_INLINE int32_t sqtvm_##name(uint32_t a, uint32_t b, int32_t accumulator) {    \
    int32_t result;                                                                   \
    __asm__(#name " %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(accumulator) \
            : "cc");                                                                  \
    return result;                                                                    \
  }
SQTVM_SMLA(smlabb)
SQTVM_SMLA(smlabt)
SQTVM_SMLA(smlatb)

SQTVM_INLINE uint32_t sqtvm_halves(int32_t low, int32_t high) {
  return ((uint32_t)low & 0xFFFFU) | ((uint32_t)high << 16);
}

SQTVM_INLINE uint32_t sqtvm_pkhtb16(uint32_t top, uint32_t bottom) {
  uint32_t result;
  __asm__("pkhtb %0, %1, %2, asr #16" : "=r"(result) : "r"(top), "r"(bottom));
  return result;
}

/* Words r6, r7 (row a, columns 0 and 1), r8, r9 (row b) of four channels to r4. */
#define SQTVM_STRIP_PAIR_STORE      \
  "pkhbt r10, r6, r7, lsl #16\n\t"  \
  "pkhbt r11, r8, r9, lsl #16\n\t"  \
  "pkhtb r6, r7, r6, asr #16\n\t"   \
  "pkhtb r7, r9, r8, asr #16\n\t"   \
  "sxtb16 r8, r10\n\t"              \
  "sxtb16 r9, r11\n\t"              \
  "str r8, [r4]\n\t"                \
  "sxtb16 r10, r10, ror #8\n\t"     \
  "str r9, [r4, #4]\n\t"            \
  "sxtb16 r11, r11, ror #8\n\t"     \
  "str r10, [r4, #32]\n\t"          \
  "sxtb16 r8, r6\n\t"               \
  "str r11, [r4, #36]\n\t"          \
  "sxtb16 r9, r7\n\t"               \
  "str r8, [r4, #64]\n\t"           \
  "sxtb16 r6, r6, ror #8\n\t"       \
  "str r9, [r4, #68]\n\t"           \
  "sxtb16 r7, r7, ror #8\n\t"       \
  "str r6, [r4, #96]\n\t"           \
  "str r7, [r4, #100]\n\t"          \
  "add r4, r4, #128\n\t"

__attribute__((naked, noinline, unused)) static void sqtvm_strip_expand(
    __attribute__((unused)) const sqtvm_strip_rows *rows) {
  __asm__ volatile(
      "push {r4, r5, r6, r7, r8, r9, r10, r11, lr}\n\t"
      "mov lr, r0\n"
      "0:\n\t"
      "ldmia lr, {r0, r1, r2, r3, r4, r5, r6}\n\t"
      "cbz r6, 1f\n\t"
      "ldr r6, [lr, #32]\n\t"
      "mov r8, r6\n\t"
      "ldr r7, [r0]\n\t"
      "ldr r9, [r1]\n\t"
      "add r0, r0, r2\n\t"
      "add r1, r1, r3\n\t" SQTVM_STRIP_PAIR_STORE
      "1:\n\t"
      "cmp r4, r5\n\t"
      "bhs 3f\n"
      "2:\n\t"
      "ldr r6, [r0]\n\t"
      "ldr r7, [r0, r2]\n\t"
      "ldr r8, [r1]\n\t"
      "ldr r9, [r1, r3]\n\t"
      "add r0, r0, r2, lsl #1\n\t"
      "add r1, r1, r3, lsl #1\n\t" SQTVM_STRIP_PAIR_STORE
      "cmp r4, r5\n\t"
      "bne 2b\n"
      "3:\n\t"
      "ldr r6, [lr, #28]\n\t"
      "cbz r6, 4f\n\t"
      "ldr r6, [r0]\n\t"
      "ldr r8, [r1]\n\t"
      "ldr r7, [lr, #32]\n\t"
      "mov r9, r7\n\t" SQTVM_STRIP_PAIR_STORE
      "4:\n\t"
      "ldr r6, [lr, #36]\n\t"
      "subs r6, r6, #1\n\t"
      "beq 5f\n\t"
      "ldr r7, [lr, #40]\n\t"
      "ldr r0, [lr]\n\t"
      "ldr r1, [lr, #4]\n\t"
      "ldr r4, [lr, #16]\n\t"
      "ldr r5, [lr, #20]\n\t"
      "str r6, [lr, #36]\n\t"
      "add r0, r0, r7\n\t"
      "add r1, r1, r7\n\t"
      "add r4, r4, #8\n\t"
      "add r5, r5, #8\n\t"
      "str r0, [lr]\n\t"
      "str r1, [lr, #4]\n\t"
      "str r4, [lr, #16]\n\t"
      "str r5, [lr, #20]\n\t"
      "b 0b\n"
      "5:\n\t"
      "pop {r4, r5, r6, r7, r8, r9, r10, r11, pc}\n\t");
}

/* What is the same for all rows of a layer. */
SQTVM_INLINE sqtvm_strip_rows sqtvm_strip_columns(int32_t zero_point,
                                                  const sqtvm_depthwise_shape *shape) {
  const int32_t begin = shape->pad_left / 2;
  const int32_t room = shape->pairs - begin;
  const int32_t left = shape->pad_left % 2 == 1 && room > 0;
  const int32_t columns = shape->in_width + left;
  const int32_t inside = columns / 2 < room ? columns / 2 : room;
  sqtvm_strip_rows rows = {0};
  rows.left = left;
  rows.right = columns % 2 == 1 && inside < room;
  rows.padding = ((uint32_t)zero_point & 0xFFU) * 0x01010101U;
  rows.lines = 2 * shape->in_width * shape->channels;
  rows.inside = inside * SQTVM_STRIP_PAIR;
  rows.begin = begin * SQTVM_STRIP_PAIR;
  return rows;
}

/* Padded rows first to first + SQTVM_STRIP_ROWS - 1, of which `ready` are there already, two at a
 * time; x: the first of four channels. Pairs of padding columns alone are left as they are. */
SQTVM_ONCE void sqtvm_strip_fill(const int8_t *x, uint32_t *strip, int32_t first, int32_t ready,
                                 sqtvm_strip_rows *rows, const sqtvm_depthwise_shape *shape) {
  const int8_t *const outside = (const int8_t *)&rows->padding;
  const int32_t needed =
      (shape->out_height - 1) * shape->stride_height + shape->kernel_height - first;
  const int32_t end = needed < SQTVM_STRIP_ROWS ? needed : SQTVM_STRIP_ROWS;
  const int32_t height = shape->in_height;
  const int32_t line = shape->in_width * shape->channels;
  int32_t y = first + ready - shape->pad_top;
  strip += rows->begin;
  for (int32_t row = ready, twos = 1; row < end; row += 2 * twos, y += 2 * twos) {
    const int32_t a_inside = (uint32_t)y < (uint32_t)height;
    const int32_t b_inside = (uint32_t)(y + 1) < (uint32_t)height;
    const int32_t left = (end - row + 1) / 2;
    const int32_t inside = (height - y) / 2;
    twos = !(a_inside && b_inside) ? 1 : (inside < left ? inside : left);
    rows->twos = twos;
    rows->a = a_inside ? x + y * line : outside;
    rows->a_step = a_inside ? shape->channels : 0;
    rows->b = b_inside ? x + (y + 1) * line : outside;
    rows->b_step = b_inside ? shape->channels : 0;
    rows->to = strip + row;
    rows->end = strip + row + rows->inside;
    sqtvm_strip_expand(rows);
  }
}

/* r2 and r3: two rows of each channel of a pair. */
#define SQTVM_STRIP_MOVE(from, to)     \
  "ldrd r2, r3, [r0, #" from "]\n\t"   \
  "strd r2, r3, [r0, #" to "]\n\t"

/* The last two rows become the first. */
__attribute__((naked, noinline, unused)) static void sqtvm_strip_move2(
    __attribute__((unused)) uint32_t *strip, __attribute__((unused)) const uint32_t *end) {
  __asm__ volatile(
      "1:\n\t" SQTVM_STRIP_MOVE("24", "0") SQTVM_STRIP_MOVE("56", "32")
      SQTVM_STRIP_MOVE("88", "64") SQTVM_STRIP_MOVE("120", "96")
      "adds r0, r0, #128\n\t"
      "cmp r0, r1\n\t"
      "bne 1b\n\t"
      "bx lr\n\t");
}

/* The last `kept` rows, 2 or 4, become the first. */
SQTVM_INLINE void sqtvm_strip_move(uint32_t *strip, int32_t kept, int32_t pairs) {
  uint32_t *const end = strip + pairs * SQTVM_STRIP_PAIR;
  if (kept == 2) {
    sqtvm_strip_move2(strip, end);
    return;
  }
  for (; strip != end; strip += SQTVM_STRIP_ROWS) {
    for (int32_t row = 0; row < 4; ++row) {
      strip[row] = strip[4 + row];
    }
  }
}

SQTVM_ONCE void sqtvm_strip_clear(uint32_t *strip, int32_t zero_point, int32_t pairs) {
  const uint32_t word = sqtvm_halves(zero_point, zero_point);
  for (int32_t i = 0; i < pairs * SQTVM_STRIP_PAIR; ++i) {
    strip[i] = word;
  }
}

#endif
