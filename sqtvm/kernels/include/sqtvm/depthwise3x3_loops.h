/* The loops of depthwise3x3.h over the outputs of a strip, in assembly.
 *
 * A word of activations x0 x1 (columns 2j, 2j + 1) meets each row of taps as w0 w1, where it is
 * the beginning of windows, and as w1 w2, where it is their end. At stride 1:
 *
 *   begins  left += x0 w0 + x1 w1 (SMLAD)    right += x1 w0 (SMLATB)
 *   ends    left += x0 w2 (SMLABT)           right += x0 w1 + x1 w2 (SMLAD)
 */
#ifndef SQTVM_DEPTHWISE3X3_LOOPS_H
#define SQTVM_DEPTHWISE3X3_LOOPS_H

#include "sqtvm/clip_dsp.h"
#include "sqtvm/depthwise3x3_steps.h"

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
        SQTVM_DEPTHWISE_BLOCK four                                                          \
        SQTVM_DEPTHWISE_STORE                                                               \
        "bne 1b\n\t"                                                                        \
        "ldr r6, [lr, #68]\n\t"                                                             \
        "cmp r6, #0\n\t"                                                                    \
        "beq 3f\n\t"                                                                        \
        SQTVM_DEPTHWISE_ROW two                                                             \
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
SQTVM_DEPTHWISE3X3_FUNCTION(sqtvm_depthwise3x3_pairs_shifted, SQTVM_DEPTHWISE_FOUR_SHIFTED,
                            SQTVM_DEPTHWISE_TWO_SHIFTED)
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
        SQTVM_DEPTHWISE_STEP                                                                \
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
                                    "mrs r11, apsr\n\t" SQTVM_CLIP("r7", "r9", "r10")
                                    "msr apsr_nzcvq, r11\n\t"
                                    "ldrd r9, r10, [r0]\n\t"
                                    "ldr r11, [r0, #8]\n\t")

#endif
