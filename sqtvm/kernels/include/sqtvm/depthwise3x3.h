/* 3x3 depthwise convolution over strips, for cores with SMLAD: stride 1 makes two rows of two
 * columns of outputs at a time, stride 2 one output.
 *
 * A word of activations x0 x1 (columns 2j, 2j + 1) meets each row of taps as w0 w1, where it is
 * the beginning of windows, and as w1 w2, where it is their end. At stride 1:
 *
 *   begins  left += x0 w0 + x1 w1 (SMLAD)    right += x1 w0 (SMLATB)
 *   ends    left += x0 w2 (SMLABT)           right += x0 w1 + x1 w2 (SMLAD)
 */
#ifndef SQTVM_DEPTHWISE3X3_H
#define SQTVM_DEPTHWISE3X3_H

#include "sqtvm/depthwise_strip.h"

#define SQTVM_DEPTHWISE3X3_ROWS 6 /* by which a strip advances */

/* What one channel needs; all of it words: the assembly finds them by their place.
 *
 * in: where the strip begins; in_end: where a row of outputs ends there (stride 1); row: bytes of
 * an output row, or 0 where the second one of a pair is none; odd_width: 1 where the last column
 * of outputs has no right neighbour. At stride 2 the ends are w2 of rows 0 and 1, then w2 of row 2
 * below out_width - 1. The loops advance out and keep where they are in now_end. */
typedef struct {
  uint32_t begins[3];
  uint32_t ends[3];
  int32_t bias;
  int32_t multiplier;
  int32_t zero_point;
  int32_t channels;
  int32_t row;
  int32_t left_shift;
  int32_t low;
  int32_t high;
  const uint32_t *in;
  const uint32_t *in_end;
  int8_t *out;
  int32_t odd_width;
  const uint32_t *now_end;
} sqtvm_depthwise_channel;

/* Rows of outputs of some channels; last, first: bytes from `in` to where the last row or pair of
 * rows begins, and the first. */
typedef void sqtvm_depthwise_loop(sqtvm_depthwise_channel *channels,
                                  sqtvm_depthwise_channel *channels_end, uint32_t last,
                                  uint32_t first);

/* r5 to r8, or r5 and r7, to int8: in r5, r2, r7, r8, where r6 becomes channels + row; r3 becomes
 * row, r4 channels. r2 is the multiplier and r3 the zero point. Loads stand between
 * multiplications, since a Cortex-M7 issues one with the other. */
#define SQTVM_DEPTHWISE_FOUR         \
  "ldr r4, [lr, #36]\n\t"            \
  "smmlar r7, r7, r2, r3\n\t"        \
  "smmlar r5, r5, r2, r3\n\t"        \
  "smmlar r8, r8, r2, r3\n\t"        \
  "smmlar r2, r6, r2, r3\n\t"        \
  "ldr r3, [lr, #40]\n\t"            \
  "ssat r7, #8, r7\n\t"              \
  "ssat r5, #8, r5\n\t"              \
  "add r6, r3, r4\n\t"               \
  "ssat r8, #8, r8\n\t"              \
  "ssat r2, #8, r2\n\t"

#define SQTVM_DEPTHWISE_TWO          \
  "smmlar r7, r7, r2, r3\n\t"        \
  "smmlar r5, r5, r2, r3\n\t"        \
  "ldr r4, [lr, #36]\n\t"            \
  "ldr r3, [lr, #40]\n\t"            \
  "ssat r7, #8, r7\n\t"              \
  "ssat r5, #8, r5\n\t"

#define SQTVM_DEPTHWISE_CLIP(value, low, high) \
  "cmp " value ", " low "\n\t"                 \
  "it lt\n\t"                                  \
  "movlt " value ", " low "\n\t"               \
  "cmp " value ", " high "\n\t"                \
  "it gt\n\t"                                  \
  "movgt " value ", " high "\n\t"

#define SQTVM_DEPTHWISE_FOUR_CLIPPED   \
  "ldr r4, [lr, #44]\n\t"              \
  "lsl r5, r5, r4\n\t"                 \
  "lsl r6, r6, r4\n\t"                 \
  "lsl r7, r7, r4\n\t"                 \
  "lsl r8, r8, r4\n\t"                 \
  "smmlar r7, r7, r2, r3\n\t"          \
  "smmlar r5, r5, r2, r3\n\t"          \
  "smmlar r8, r8, r2, r3\n\t"          \
  "smmlar r2, r6, r2, r3\n\t"          \
  "ldr r3, [lr, #48]\n\t"              \
  "ldr r4, [lr, #52]\n\t"              \
  SQTVM_DEPTHWISE_CLIP("r5", "r3", "r4") \
  SQTVM_DEPTHWISE_CLIP("r2", "r3", "r4") \
  SQTVM_DEPTHWISE_CLIP("r7", "r3", "r4") \
  SQTVM_DEPTHWISE_CLIP("r8", "r3", "r4") \
  "ldr r4, [lr, #36]\n\t"              \
  "ldr r3, [lr, #40]\n\t"              \
  "add r6, r3, r4\n\t"

#define SQTVM_DEPTHWISE_TWO_CLIPPED    \
  "ldr r4, [lr, #44]\n\t"              \
  "lsl r5, r5, r4\n\t"                 \
  "lsl r7, r7, r4\n\t"                 \
  "smmlar r7, r7, r2, r3\n\t"          \
  "smmlar r5, r5, r2, r3\n\t"          \
  "ldr r3, [lr, #48]\n\t"              \
  "ldr r4, [lr, #52]\n\t"              \
  SQTVM_DEPTHWISE_CLIP("r5", "r3", "r4") \
  SQTVM_DEPTHWISE_CLIP("r7", "r3", "r4") \
  "ldr r4, [lr, #36]\n\t"              \
  "ldr r3, [lr, #40]\n\t"

/* Stride 1, outputs at least two wide. r0: in, r1: out, r2 to r4: taps, r5 to r8: outputs (row 0
 * left and right, row 1), r9 to r12: the rows of a pair of columns, lr: the channel; at sp: in of
 * this pair of rows and of the last one, then the arguments. The outputs of row 1 are stored
 * first: where there is none they are overwritten. */
#define SQTVM_DEPTHWISE3X3_FUNCTION(name, four, two)                                        \
  __attribute__((naked, noinline, unused)) static void name(                                \
      __attribute__((unused)) sqtvm_depthwise_channel *channels,                            \
      __attribute__((unused)) sqtvm_depthwise_channel *channels_end,                        \
      __attribute__((unused)) uint32_t last, __attribute__((unused)) uint32_t first) {      \
    __asm__ volatile(                                                                       \
        "push {r0, r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, lr}\n\t"                   \
        "sub sp, sp, #8\n\t"                                                                \
        "mov lr, r0\n"                                                                      \
        "4:\n\t"                                                                            \
        "ldr r0, [lr, #56]\n\t"                                                             \
        "ldr r2, [lr, #60]\n\t"                                                             \
        "ldr r3, [sp, #16]\n\t"                                                             \
        "ldr r4, [sp, #20]\n\t"                                                             \
        "ldr r1, [lr, #64]\n\t"                                                             \
        "add r3, r3, r0\n\t"                                                                \
        "add r0, r0, r4\n\t"                                                                \
        "add r2, r2, r4\n\t"                                                                \
        "str r3, [sp, #4]\n\t"                                                              \
        "str r0, [sp]\n\t"                                                                  \
        "str r2, [lr, #72]\n"                                                               \
        "0:\n\t"                                                                            \
        "ldr r9, [r0]\n\t"                                                                  \
        "ldr r10, [r0, #4]\n\t"                                                             \
        "ldr r2, [lr]\n\t"                                                                  \
        "ldr r5, [lr, #24]\n\t"                                                             \
        "ldr r3, [lr, #4]\n\t"                                                              \
        "ldr r11, [r0, #8]\n\t"                                                             \
        "ldr r12, [r0, #12]\n\t"                                                            \
        "ldr r4, [lr, #8]\n"                                                                \
        "1:\n\t"                                                                            \
        "smlatb r6, r9, r2, r5\n\t"                                                         \
        "smlad r7, r10, r2, r5\n\t"                                                         \
        "smlatb r8, r10, r2, r5\n\t"                                                        \
        "smlad r5, r9, r2, r5\n\t"                                                          \
        "ldr r9, [r0, #128]!\n\t"                                                           \
        "ldr r2, [lr, #12]\n\t"                                                             \
        "smlatb r6, r10, r3, r6\n\t"                                                        \
        "smlad r7, r11, r3, r7\n\t"                                                         \
        "smlatb r8, r11, r3, r8\n\t"                                                        \
        "smlad r5, r10, r3, r5\n\t"                                                         \
        "ldr r10, [r0, #4]\n\t"                                                             \
        "ldr r3, [lr, #16]\n\t"                                                             \
        "smlatb r6, r11, r4, r6\n\t"                                                        \
        "smlad r7, r12, r4, r7\n\t"                                                         \
        "smlatb r8, r12, r4, r8\n\t"                                                        \
        "smlad r5, r11, r4, r5\n\t"                                                         \
        "ldr r11, [r0, #8]\n\t"                                                             \
        "ldr r4, [lr, #20]\n\t"                                                             \
        "smlabt r5, r9, r2, r5\n\t"                                                         \
        "smlad r6, r9, r2, r6\n\t"                                                          \
        "smlabt r7, r10, r2, r7\n\t"                                                        \
        "smlad r8, r10, r2, r8\n\t"                                                         \
        "ldr r12, [r0, #12]\n\t"                                                            \
        "ldr r2, [lr, #28]\n\t"                                                             \
        "smlabt r5, r10, r3, r5\n\t"                                                        \
        "smlad r6, r10, r3, r6\n\t"                                                         \
        "smlabt r7, r11, r3, r7\n\t"                                                        \
        "smlad r8, r11, r3, r8\n\t"                                                         \
        "ldr r3, [lr, #32]\n\t"                                                             \
        "smlabt r5, r11, r4, r5\n\t"                                                        \
        "smlad r6, r11, r4, r6\n\t"                                                         \
        "smlabt r7, r12, r4, r7\n\t"                                                        \
        "smlad r8, r12, r4, r8\n\t" four                                                    \
        "strb r7, [r1, r3]\n\t"                                                             \
        "ldr r3, [lr, #4]\n\t"                                                              \
        "strb r5, [r1]\n\t"                                                                 \
        "ldr r5, [lr, #24]\n\t"                                                             \
        "strb r8, [r1, r6]\n\t"                                                             \
        "ldr r6, [lr, #72]\n\t"                                                             \
        "strb r2, [r1, r4]\n\t"                                                             \
        "add r1, r1, r4, lsl #1\n\t"                                                        \
        "ldr r2, [lr]\n\t"                                                                  \
        "ldr r4, [lr, #8]\n\t"                                                              \
        "cmp r0, r6\n\t"                                                                    \
        "bne 1b\n\t"                                                                        \
        "ldr r6, [lr, #68]\n\t"                                                             \
        "cmp r6, #0\n\t"                                                                    \
        "beq 3f\n\t"                                                                        \
        "smlad r7, r10, r2, r5\n\t"                                                         \
        "smlad r5, r9, r2, r5\n\t"                                                          \
        "ldr r9, [r0, #128]\n\t"                                                            \
        "ldr r2, [lr, #12]\n\t"                                                             \
        "smlad r7, r11, r3, r7\n\t"                                                         \
        "smlad r5, r10, r3, r5\n\t"                                                         \
        "ldr r10, [r0, #132]\n\t"                                                           \
        "ldr r3, [lr, #16]\n\t"                                                             \
        "smlad r7, r12, r4, r7\n\t"                                                         \
        "smlad r5, r11, r4, r5\n\t"                                                         \
        "ldr r11, [r0, #136]\n\t"                                                           \
        "ldr r4, [lr, #20]\n\t"                                                             \
        "smlabt r5, r9, r2, r5\n\t"                                                         \
        "smlabt r7, r10, r2, r7\n\t"                                                        \
        "ldr r12, [r0, #140]\n\t"                                                           \
        "ldr r2, [lr, #28]\n\t"                                                             \
        "smlabt r5, r10, r3, r5\n\t"                                                        \
        "smlabt r7, r11, r3, r7\n\t"                                                        \
        "ldr r3, [lr, #32]\n\t"                                                             \
        "smlabt r5, r11, r4, r5\n\t"                                                        \
        "smlabt r7, r12, r4, r7\n\t" two                                                    \
        "strb r7, [r1, r3]\n\t"                                                             \
        "strb r5, [r1]\n\t"                                                                 \
        "add r1, r1, r4\n"                                                                  \
        "3:\n\t"                                                                            \
        "ldr r0, [sp]\n\t"                                                                  \
        "ldr r2, [lr, #72]\n\t"                                                             \
        "ldr r3, [lr, #40]\n\t"                                                             \
        "ldr r4, [sp, #4]\n\t"                                                              \
        "add r1, r1, r3\n\t"                                                                \
        "cmp r0, r4\n\t"                                                                    \
        "add r0, r0, #8\n\t"                                                                \
        "add r2, r2, #8\n\t"                                                                \
        "str r0, [sp]\n\t"                                                                  \
        "str r2, [lr, #72]\n\t"                                                             \
        "bne 0b\n\t"                                                                        \
        "ldr r0, [sp, #12]\n\t"                                                             \
        "str r1, [lr, #64]\n\t"                                                             \
        "add lr, lr, #76\n\t"                                                               \
        "cmp lr, r0\n\t"                                                                    \
        "bne 4b\n\t"                                                                        \
        "add sp, sp, #24\n\t"                                                               \
        "pop {r4, r5, r6, r7, r8, r9, r10, r11, pc}\n\t");                                  \
  }

SQTVM_DEPTHWISE3X3_FUNCTION(sqtvm_depthwise3x3_pairs, SQTVM_DEPTHWISE_FOUR, SQTVM_DEPTHWISE_TWO)
SQTVM_DEPTHWISE3X3_FUNCTION(sqtvm_depthwise3x3_pairs_clipped, SQTVM_DEPTHWISE_FOUR_CLIPPED,
                            SQTVM_DEPTHWISE_TWO_CLIPPED)

/* Stride 2. r0: in, r1: out, r2 to r4: begins, r5: w2 of rows 0 and 1, r6: w2 of row 2 below the
 * outputs still to come in the row, r7: output, r8: multiplier, r9 to r11: rows of a pair of
 * columns, r12: zero point, lr: channels. At sp: the bias, the channel, the shift, the clip, in of
 * this row and of the last one, the outputs of a row as in r6, then the arguments. */
#define SQTVM_DEPTHWISE3X3_STRIDE2_FUNCTION(name, before, after)                            \
  __attribute__((naked, noinline, unused)) static void name(                                \
      __attribute__((unused)) sqtvm_depthwise_channel *channels,                            \
      __attribute__((unused)) sqtvm_depthwise_channel *channels_end,                        \
      __attribute__((unused)) uint32_t last, __attribute__((unused)) uint32_t first) {      \
    __asm__ volatile(                                                                       \
        "push {r0, r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, lr}\n\t"                   \
        "sub sp, sp, #32\n\t"                                                               \
        "mov r12, r0\n"                                                                     \
        "4:\n\t"                                                                            \
        "str r12, [sp, #4]\n\t"                                                             \
        "ldr r7, [r12, #24]\n\t"                                                            \
        "ldr r2, [r12, #44]\n\t"                                                            \
        "ldr r3, [r12, #48]\n\t"                                                            \
        "ldr r4, [r12, #52]\n\t"                                                            \
        "ldr r0, [r12, #56]\n\t"                                                            \
        "ldr r5, [sp, #40]\n\t"                                                             \
        "str r7, [sp]\n\t"                                                                  \
        "str r2, [sp, #8]\n\t"                                                              \
        "str r3, [sp, #12]\n\t"                                                             \
        "str r4, [sp, #16]\n\t"                                                             \
        "add r5, r5, r0\n\t"                                                                \
        "ldr r6, [r12, #16]\n\t"                                                            \
        "str r5, [sp, #24]\n\t"                                                             \
        "ldr r1, [r12, #64]\n\t"                                                            \
        "ldr r2, [r12]\n\t"                                                                 \
        "ldr r3, [r12, #4]\n\t"                                                             \
        "lsr r5, r6, #16\n\t"                                                               \
        "ldr r4, [r12, #8]\n\t"                                                             \
        "add r5, r5, #1\n\t"                                                                \
        "lsl r5, r5, #16\n\t"                                                               \
        "str r5, [sp, #28]\n\t"                                                             \
        "ldr r5, [r12, #12]\n\t"                                                            \
        "ldr r8, [r12, #28]\n\t"                                                            \
        "ldr lr, [r12, #36]\n\t"                                                            \
        "ldr r12, [r12, #32]\n"                                                             \
        "0:\n\t"                                                                            \
        "str r0, [sp, #20]\n\t"                                                             \
        "ldr r9, [r0]\n\t"                                                                  \
        "ldr r10, [r0, #4]\n\t"                                                             \
        "ldr r11, [r0, #8]\n"                                                               \
        "1:\n\t"                                                                            \
        "smlad r7, r9, r2, r7\n\t"                                                          \
        "ldr r9, [r0, #128]!\n\t"                                                           \
        "smlad r7, r10, r3, r7\n\t"                                                         \
        "ldr r10, [r0, #4]\n\t"                                                             \
        "smlad r7, r11, r4, r7\n\t"                                                         \
        "ldr r11, [r0, #8]\n\t"                                                             \
        "smlabb r7, r9, r5, r7\n\t"                                                         \
        "smlabt r7, r10, r5, r7\n\t"                                                        \
        "smlabb r7, r11, r6, r7\n\t" before                                                 \
        "smmlar r7, r7, r8, r12\n\t"                                                        \
        "subs r6, r6, #0x10000\n\t" after                                                   \
        "strb r7, [r1]\n\t"                                                                 \
        "add r1, r1, lr\n\t"                                                                \
        "ldr r7, [sp]\n\t"                                                                  \
        "bhs 1b\n\t"                                                                        \
        "ldr r0, [sp, #20]\n\t"                                                             \
        "ldr r9, [sp, #24]\n\t"                                                             \
        "ldr r10, [sp, #28]\n\t"                                                            \
        "cmp r0, r9\n\t"                                                                    \
        "add r0, r0, #8\n\t"                                                                \
        "add r6, r6, r10\n\t"                                                               \
        "bne 0b\n\t"                                                                        \
        "ldr r12, [sp, #4]\n\t"                                                             \
        "ldr r9, [sp, #36]\n\t"                                                             \
        "str r1, [r12, #64]\n\t"                                                            \
        "add r12, r12, #76\n\t"                                                             \
        "cmp r12, r9\n\t"                                                                   \
        "bne 4b\n\t"                                                                        \
        "add sp, sp, #48\n\t"                                                               \
        "pop {r4, r5, r6, r7, r8, r9, r10, r11, pc}\n\t");                                  \
  }

SQTVM_DEPTHWISE3X3_STRIDE2_FUNCTION(sqtvm_depthwise3x3_stride2, "", "ssat r7, #8, r7\n\t")
SQTVM_DEPTHWISE3X3_STRIDE2_FUNCTION(sqtvm_depthwise3x3_stride2_clipped,
                                    "ldr r9, [sp, #8]\n\t"
                                    "lsl r7, r7, r9\n\t",
                                    "ldrd r9, r10, [sp, #12]\n\t"
                                    "mrs r11, apsr\n\t" SQTVM_DEPTHWISE_CLIP("r7", "r9", "r10")
                                    "msr apsr_nzcvq, r11\n\t"
                                    "ldrd r9, r10, [r0]\n\t"
                                    "ldr r11, [r0, #8]\n\t")

/* What is the same for every channel of a layer. */
SQTVM_INLINE void sqtvm_depthwise3x3_common(sqtvm_depthwise_channel *to, const uint32_t *in,
                                            const sqtvm_parameters *head,
                                            const sqtvm_depthwise_shape *shape,
                                            int32_t left_shift) {
  to->zero_point = head->output_zero_point;
  to->channels = shape->channels;
  to->row = shape->out_width * shape->channels;
  to->left_shift = left_shift;
  to->low = head->low;
  to->high = head->high;
  to->in = in;
  to->in_end = in + shape->out_width / 2 * SQTVM_STRIP_PAIR;
  to->odd_width = shape->out_width % 2;
}

SQTVM_INLINE void sqtvm_depthwise3x3_taps(sqtvm_depthwise_channel *to, const uint8_t *packed,
                                          int32_t bits, const sqtvm_depthwise_shape *shape) {
  int32_t taps[9];
#pragma GCC unroll 9
  for (int32_t i = 0; i < 9; ++i) {
    taps[i] = sqtvm_packed_tap(packed, i, bits);
  }
#pragma GCC unroll 3
  for (int32_t row = 0; row < 3; ++row) {
    to->begins[row] = sqtvm_halves(taps[3 * row], taps[3 * row + 1]);
    to->ends[row] = sqtvm_halves(taps[3 * row + 1], taps[3 * row + 2]);
  }
  if (shape->stride_width == 2) {
    to->ends[0] = sqtvm_halves(taps[2], taps[5]);
    to->ends[1] = sqtvm_halves(taps[8], shape->out_width - 1);
  }
}

SQTVM_ONCE void sqtvm_depthwise3x3_prepare(sqtvm_depthwise_channel *to, const uint8_t *packed,
                                           const sqtvm_channel *channel,
                                           const sqtvm_depthwise_shape *shape) {
  if (shape->weight_bits == 8) {
    sqtvm_depthwise3x3_taps(to, packed, 8, shape);
  } else if (shape->weight_bits == 4) {
    sqtvm_depthwise3x3_taps(to, packed, 4, shape);
  } else {
    sqtvm_depthwise3x3_taps(to, packed, 2, shape);
  }
  to->bias = channel->bias;
  to->multiplier = channel->multiplier;
}

/* The next `rows` rows of outputs of the channels from `begin` on. */
SQTVM_INLINE void sqtvm_depthwise3x3_rows(sqtvm_depthwise_channel *begin,
                                          sqtvm_depthwise_channel *end,
                                          sqtvm_depthwise_loop *loop, int32_t rows,
                                          int32_t stride) {
  const uint32_t slots = (uint32_t)sizeof(uint32_t) * 2;
  if (stride == 2) {
    loop(begin, end, slots * (uint32_t)(rows - 1), 0);
    return;
  }
  const uint32_t pairs = (uint32_t)rows / 2;
  if (pairs > 0) {
    loop(begin, end, slots * (pairs - 1), 0);
  }
  if (rows % 2) {
    const int32_t row = begin->row;
    for (sqtvm_depthwise_channel *channel = begin; channel != end; ++channel) {
      channel->row = 0;
    }
    loop(begin, end, slots * pairs, slots * pairs);
    for (sqtvm_depthwise_channel *channel = begin; channel != end; ++channel) {
      channel->row = row;
    }
  }
}

SQTVM_INLINE sqtvm_depthwise_loop *sqtvm_depthwise3x3_loop(int32_t stride, int32_t clipped) {
  if (stride == 2) {
    return clipped ? sqtvm_depthwise3x3_stride2_clipped : sqtvm_depthwise3x3_stride2;
  }
  return clipped ? sqtvm_depthwise3x3_pairs_clipped : sqtvm_depthwise3x3_pairs;
}

/* At least four channels, outputs at least two wide; scratch: the strip, then what four channels
 * need. */
SQTVM_ONCE void sqtvm_depthwise3x3(const int8_t *x, const uint8_t *weights,
                                   const int32_t *parameters, int8_t *y, uint8_t *scratch,
                                   const sqtvm_depthwise_shape *shape,
                                   sqtvm_depthwise_loop *loop, int32_t left_shift) {
  const sqtvm_parameters head = sqtvm_head(parameters);
  const sqtvm_channel *requantized = sqtvm_channels(parameters);
  const int32_t stride = shape->stride_height;
  const int32_t strip_rows = SQTVM_DEPTHWISE3X3_ROWS / stride;
  uint32_t *strip = (uint32_t *)(void *)scratch;
  sqtvm_depthwise_channel *four =
      (sqtvm_depthwise_channel *)(void *)(strip + shape->pairs * SQTVM_STRIP_PAIR);
  sqtvm_strip_rows rows = sqtvm_strip_columns(head.input_zero_point, shape);
  sqtvm_strip_clear(strip, head.input_zero_point, shape->pairs);
  for (int32_t c = 0; c < 4; ++c) {
    sqtvm_depthwise3x3_common(four + c, strip + c * SQTVM_STRIP_ROWS, &head, shape, left_shift);
  }
  int32_t done = 0;
  while (done < shape->channels) {
    /* The last four channels, of which some may be done, rather than fewer than four. */
    const int32_t first = done + 4 <= shape->channels ? done : shape->channels - 4;
    for (int32_t c = done - first; c < 4; ++c) {
      sqtvm_depthwise3x3_prepare(four + c, weights, requantized + first + c, shape);
      four[c].out = y + first + c;
      weights += sqtvm_depthwise_channel_bytes(shape);
    }
    for (int32_t out_y = 0; out_y < shape->out_height; out_y += strip_rows) {
      const int32_t left = shape->out_height - out_y;
      const int32_t kept = out_y ? SQTVM_STRIP_ROWS - SQTVM_DEPTHWISE3X3_ROWS : 0;
      if (kept) {
        sqtvm_strip_move(strip, kept, shape->pairs);
      }
      sqtvm_strip_fill(x + first, strip, out_y * stride, kept, &rows, shape);
      sqtvm_depthwise3x3_rows(four + done - first, four + 4, loop,
                              left < strip_rows ? left : strip_rows, stride);
    }
    done = first + 4;
  }
}

#endif
