/* 3x3 depthwise convolution of stride 2 straight from bytes, for cores with SMLAD: a value is used
 * in two products, which does not pay for a strip. Only where extents are constants of the
 * compiler.
 *
 * The taps of a channel stay in registers while its outputs are made from left to right. Nine
 * values are five words; the last column of one window is the first of the next:
 *
 *   row 0   x00 x01 | x02     x00 x01, x11 x10, x20 x21     meet w00 w01, w11 w10, w20 w21
 *   row 1   x10 x11 | x12     x02 x12                       meets w02 w12, which stay for the next
 *   row 2   x20 x21 | x22     x22                           meets w22
 *
 * Where the window's first or last row is padding, the rows beside it are read, against zeros. No
 * more than that one row and one column of a window are in the padding.
 */
#ifndef SQTVM_DEPTHWISE_STRIDE2_H
#define SQTVM_DEPTHWISE_STRIDE2_H

#include "sqtvm/clip_dsp.h"
#include "sqtvm/depthwise_strip.h"

#define SQTVM_STRIDE2_TURN 4     /* outputs of a round of the loop over columns */
#define SQTVM_STRIDE2_UNROLLED 8 /* outputs of a row that is no loop, at most */

/* Rows of outputs of one channel; all of it words: the assembly finds them by their place. out_end:
 * where the last of the rows ends; padding: the input's zero point in both lanes; in: the first
 * window, which begins before the input where columns are padded; taps: as above, the last one
 * below 0xFFFF0000. */
typedef struct {
  const int8_t *out_end;
  uint32_t padding;
  int32_t low;
  int32_t high;
  const int8_t *in;
  int8_t *out;
  uint32_t taps[5];
  int32_t bias;
  int32_t multiplier;
  int32_t zero_point;
} sqtvm_stride2_rows;

/* Rows or columns by which the last window is longer than what the input has left. */
SQTVM_INLINE int32_t sqtvm_stride2_past(int32_t outputs, int32_t padding, int32_t inputs) {
  const int32_t past = 2 * outputs + 1 - padding - inputs;
  return past > 0 ? past : 0;
}

/* How a row is made: `rounds` of the loop, the outputs that are left, at least one of them, and
 * among those one at the border. */
SQTVM_INLINE int32_t sqtvm_stride2_rounds(const sqtvm_depthwise_shape *shape) {
  return shape->out_width <= SQTVM_STRIDE2_UNROLLED ? 0
                                                    : (shape->out_width - 1) / SQTVM_STRIDE2_TURN;
}

SQTVM_INLINE int32_t sqtvm_stride2_left(const sqtvm_depthwise_shape *shape) {
  return shape->out_width - sqtvm_stride2_rounds(shape) * SQTVM_STRIDE2_TURN;
}

/* One output, whose window begins `column` bytes after r0. Loads stand beside multiplications where
 * the core issues both at once (a Cortex-M7; lr is x01 already, and becomes that of the `next`
 * output), and otherwise in pairs, which a Cortex-M4 pipelines. */
#if SQTVM_DUAL_ISSUE

#define SQTVM_STRIDE2_FIRST "ldrsb lr, [r0, #%c[pixel]]\n\t"

#define SQTVM_STRIDE2_BEGINS                                                                   \
  "pkhbt r12, r10, lr, lsl #16\n\t"                                                            \
  "ldrsb lr, [r0, #.Lcolumn + %c[pixel] + %c[line]]\n\t"                                       \
  "smlad r12, r12, r2, r7\n\t"                                                                 \
  "pkhbt r10, lr, r10\n\t"                                                                     \
  "ldrsb lr, [r0, #.Lcolumn + %c[pixel] + 2 * %c[line]]\n\t"                                   \
  "smlad r12, r10, r3, r12\n\t"

#define SQTVM_STRIDE2_ENDS                                                                     \
  "ldrsb r10, [r0, #.Lcolumn + 2 * %c[pixel]]\n\t"                                             \
  "pkhbt r11, r11, lr, lsl #16\n\t"                                                            \
  "ldrsb lr, [r0, #.Lcolumn + 2 * %c[pixel] + %c[line]]\n\t"                                   \
  "smlad r12, r11, r4, r12\n\t"                                                                \
  "ldrsb r11, [r0, #.Lcolumn + 2 * %c[pixel] + 2 * %c[line]]\n\t"                              \
  "pkhbt r10, r10, lr, lsl #16\n\t"

#define SQTVM_STRIDE2_NEXT "ldrsb lr, [r0, #.Lcolumn + 3 * %c[pixel]]\n\t"

#else

#define SQTVM_STRIDE2_FIRST ""

#define SQTVM_STRIDE2_BEGINS                                                                   \
  "ldrsb lr, [r0, #.Lcolumn + %c[pixel]]\n\t"                                                  \
  "ldrsb r12, [r0, #.Lcolumn + %c[pixel] + %c[line]]\n\t"                                      \
  "pkhbt lr, r10, lr, lsl #16\n\t"                                                             \
  "pkhbt r10, r12, r10\n\t"                                                                    \
  "smlad r12, lr, r2, r7\n\t"                                                                  \
  "smlad r12, r10, r3, r12\n\t"                                                                \
  "ldrsb lr, [r0, #.Lcolumn + %c[pixel] + 2 * %c[line]]\n\t"

#define SQTVM_STRIDE2_ENDS                                                                     \
  "ldrsb r10, [r0, #.Lcolumn + 2 * %c[pixel]]\n\t"                                             \
  "pkhbt r11, r11, lr, lsl #16\n\t"                                                            \
  "smlad r12, r11, r4, r12\n\t"                                                                \
  "ldrsb lr, [r0, #.Lcolumn + 2 * %c[pixel] + %c[line]]\n\t"                                   \
  "ldrsb r11, [r0, #.Lcolumn + 2 * %c[pixel] + 2 * %c[line]]\n\t"                              \
  "pkhbt r10, r10, lr, lsl #16\n\t"

#define SQTVM_STRIDE2_NEXT ""

#endif

/* The last column of a window in the padding. */
#define SQTVM_STRIDE2_PADDING                                                                  \
  "ldr r10, [sp, #4]\n\t"                                                                      \
  "pkhbt r11, r11, lr, lsl #16\n\t"                                                            \
  "smlad r12, r11, r4, r12\n\t"                                                                \
  "mov r11, r10\n\t"

/* By what stands at sp; r10 and r11 wait below it. */
#define SQTVM_STRIDE2_CLIP                                                                     \
  "push {r10, r11}\n\t"                                                                        \
  "ldrd r10, r11, [sp, #16]\n\t" SQTVM_CLIP("r12", "r10", "r11")                     \
  "pop {r10, r11}\n\t"

#define SQTVM_STRIDE2_OUTPUT(ends, next)                                                       \
  SQTVM_STRIDE2_BEGINS ends next                                                               \
  "smlad r12, r10, r5, r12\n\t"                                                                \
  "smlabb r12, r11, r6, r12\n\t"                                                               \
  ".if %c[shift]\n\t"                                                                          \
  "lsl r12, r12, #%c[shift]\n\t"                                                               \
  ".endif\n\t"                                                                                 \
  "smmlar r12, r12, r8, r9\n\t"                                                                \
  ".if %c[clips]\n\t" SQTVM_STRIDE2_CLIP                                                       \
  ".else\n\t"                                                                                  \
  "ssat r12, #8, r12\n\t"                                                                      \
  ".endif\n\t"                                                                                 \
  "strb r12, [r1, #.Lcolumn / 2]\n\t"                                                          \
  ".set .Lcolumn, .Lcolumn + 2 * %c[pixel]\n\t"

/* r0: in, r1: out, r2 to r6: taps, with the rounds still to come above the last one, r7: bias, r8:
 * multiplier, r9: zero point, r10: x00 x10, r11: x20, r12: the output, lr: a value; at sp: the first
 * four words, the next rows, and where they end. */
SQTVM_INLINE void sqtvm_stride2_make(const sqtvm_stride2_rows *rows,
                                     const sqtvm_stride2_rows *rows_end,
                                     const sqtvm_depthwise_shape *shape,
                                     const sqtvm_requantization requantization) {
  register const sqtvm_stride2_rows *first __asm__("r0") = rows;
  register const sqtvm_stride2_rows *end __asm__("r1") = rows_end;
  __asm__ volatile(
      "push {r1, r4, r5, r6, r7, r8, r9, r10, r11}\n\t"
      "sub sp, sp, #20\n"
      "2:\n\t"
      "ldmia r0!, {r2, r3, r4, r5}\n\t"
      "add r12, r0, #40\n\t"
      "stmia sp, {r2, r3, r4, r5, r12}\n\t"
      "ldmia r0, {r0, r1, r2, r3, r4, r5, r6, r7, r8, r9}\n"
      "0:\n\t"
      ".if %c[pad_left]\n\t"
      "ldr r10, [sp, #4]\n\t" SQTVM_STRIDE2_FIRST
      "mov r11, r10\n\t"
      ".else\n\t"
      "ldrsb r10, [r0]\n\t"
      "ldrsb lr, [r0, #%c[line]]\n\t"
      "ldrsb r11, [r0, #2 * %c[line]]\n\t"
      "pkhbt r10, r10, lr, lsl #16\n\t" SQTVM_STRIDE2_FIRST
      ".endif\n\t"
      ".if %c[rounds]\n\t"
      "add r6, r6, #%c[rounds] << 16\n"
      "1:\n\t"
      ".set .Lcolumn, 0\n\t"
      ".rept %c[turn]\n\t" SQTVM_STRIDE2_OUTPUT(SQTVM_STRIDE2_ENDS, SQTVM_STRIDE2_NEXT)
      ".endr\n\t"
      "subs r6, r6, #0x10000\n\t"
      "add r0, r0, #2 * %c[turn] * %c[pixel]\n\t"
      "add r1, r1, #%c[turn] * %c[pixel]\n\t"
      "bhs 1b\n\t"
      ".endif\n\t"
      ".set .Lcolumn, 0\n\t"
      ".rept %c[left] - 1\n\t" SQTVM_STRIDE2_OUTPUT(SQTVM_STRIDE2_ENDS, SQTVM_STRIDE2_NEXT)
      ".endr\n\t"
      ".if %c[past]\n\t" SQTVM_STRIDE2_OUTPUT(SQTVM_STRIDE2_PADDING, "")
      ".else\n\t" SQTVM_STRIDE2_OUTPUT(SQTVM_STRIDE2_ENDS, "")
      ".endif\n\t"
      "ldr r12, [sp]\n\t"
      "add r1, r1, #%c[left] * %c[pixel]\n\t"
      "add r0, r0, #2 * %c[line] - 2 * %c[turn] * %c[rounds] * %c[pixel]\n\t"
      "cmp r1, r12\n\t"
      "bne 0b\n\t"
      "ldrd r0, r1, [sp, #16]\n\t"
      "cmp r0, r1\n\t"
      "bne 2b\n\t"
      "add sp, sp, #24\n\t"
      "pop {r4, r5, r6, r7, r8, r9, r10, r11}\n\t"
      : "+r"(first), "+r"(end)
      : [pixel] "i"(shape->channels), [line] "i"(shape->in_width * shape->channels),
        [pad_left] "i"(shape->pad_left),
        [past] "i"(sqtvm_stride2_past(shape->out_width, shape->pad_left, shape->in_width)),
        [rounds] "i"(sqtvm_stride2_rounds(shape)), [left] "i"(sqtvm_stride2_left(shape)),
        [turn] "i"(SQTVM_STRIDE2_TURN), [shift] "i"(requantization.left_shift),
        [clips] "i"(requantization.clips)
      : "r2", "r3", "r12", "lr", "cc", "memory");
}

/* The five words of nine taps. */
SQTVM_INLINE void sqtvm_stride2_taps(const uint8_t *packed, uint32_t *words, int32_t bits) {
  int32_t tap[9];
#pragma GCC unroll 9
  for (int32_t i = 0; i < 9; ++i) {
    tap[i] = sqtvm_packed_tap(packed, i, bits);
  }
  words[0] = sqtvm_halves(tap[0], tap[1]);
  words[1] = sqtvm_halves(tap[4], tap[3]);
  words[2] = sqtvm_halves(tap[6], tap[7]);
  words[3] = sqtvm_halves(tap[2], tap[5]);
  words[4] = sqtvm_halves(tap[8], -1);
}

SQTVM_INLINE uint32_t sqtvm_turned(uint32_t word) { return word >> 16 | word << 16; }

/* The first row of outputs, whose window begins a row above the input: taps a row higher. */
SQTVM_INLINE void sqtvm_stride2_above(sqtvm_stride2_rows *rows, const uint32_t *words,
                                      int32_t bias) {
  const uint32_t last = words[4] & 0xFFFFU;
  rows->taps[0] = sqtvm_turned(words[1]);
  rows->taps[1] = sqtvm_turned(words[2]);
  rows->taps[2] = 0;
  rows->taps[3] = words[3] >> 16 | last << 16;
  rows->taps[4] = sqtvm_halves(0, -1);
  rows->bias = sqtvm_smlad(words[0], rows->padding, sqtvm_smlabb(words[3], rows->padding, bias));
}

/* The last row of outputs, whose window ends a row below the input: taps a row lower. */
SQTVM_INLINE void sqtvm_stride2_below(sqtvm_stride2_rows *rows, const uint32_t *words,
                                      int32_t bias) {
  rows->taps[0] = 0;
  rows->taps[1] = sqtvm_turned(words[0]);
  rows->taps[2] = sqtvm_turned(words[1]);
  rows->taps[3] = words[3] << 16;
  rows->taps[4] = words[3] >> 16 | 0xFFFF0000U;
  rows->bias = sqtvm_smlad(words[2], rows->padding, sqtvm_smlabb(words[4], rows->padding, bias));
}

/* The next `count` rows of outputs, from input row `row` of the channel on. */
SQTVM_INLINE void sqtvm_stride2_extents(sqtvm_stride2_rows *rows, const int8_t *x, int32_t row,
                                        int8_t **y, int32_t count,
                                        const sqtvm_depthwise_shape *shape) {
  rows->in = x + (row * shape->in_width - shape->pad_left) * shape->channels;
  rows->out = *y;
  *y += count * shape->out_width * shape->channels;
  rows->out_end = *y;
}

SQTVM_INLINE void sqtvm_depthwise_stride2(const int8_t *x, const uint8_t *weights,
                                          const int32_t *parameters, int8_t *y,
                                          const sqtvm_depthwise_shape *shape,
                                          const sqtvm_requantization requantization) {
  const sqtvm_parameters head = sqtvm_head(parameters);
  const sqtvm_channel *channel = sqtvm_channels(parameters);
  const int32_t above = shape->pad_top;
  const int32_t below = sqtvm_stride2_past(shape->out_height, shape->pad_top, shape->in_height);
  const int32_t between = shape->out_height - above - below;
  sqtvm_stride2_rows rows[3];
  for (int32_t part = 0; part < 3; ++part) {
    rows[part].padding = sqtvm_halves(head.input_zero_point, head.input_zero_point);
    rows[part].low = head.low;
    rows[part].high = head.high;
    rows[part].zero_point = head.output_zero_point;
  }
  for (int32_t c = 0; c < shape->channels; ++c) {
    sqtvm_stride2_rows *part = rows;
    uint32_t words[5];
    int8_t *to = y + c;
    sqtvm_stride2_taps(weights, words, shape->weight_bits);
    if (above) {
      sqtvm_stride2_above(part, words, channel[c].bias);
      sqtvm_stride2_extents(part++, x + c, 0, &to, 1, shape);
    }
    if (between) {
      memcpy(part->taps, words, sizeof words);
      part->bias = channel[c].bias;
      sqtvm_stride2_extents(part++, x + c, above, &to, between, shape);
    }
    if (below) {
      sqtvm_stride2_below(part, words, channel[c].bias);
      sqtvm_stride2_extents(part++, x + c, shape->in_height - 3, &to, 1, shape);
    }
    for (sqtvm_stride2_rows *one = rows; one != part; ++one) {
      one->multiplier = channel[c].multiplier;
    }
    sqtvm_stride2_make(rows, part, shape, requantization);
    weights += sqtvm_depthwise_channel_bytes(shape);
  }
}

#endif
