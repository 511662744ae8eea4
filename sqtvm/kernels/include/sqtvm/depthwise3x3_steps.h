/* What the loops of depthwise3x3_loops.h consist of, in the order that suits the core.
 *
 * r0: in, r1: out, r2 to r4: taps, r5 to r8: outputs (row 0 left and right, row 1), r9 to r12: the
 * rows of a pair of columns, lr: the channel, whose words are at the offsets that
 * sqtvm_depthwise_channel gives them. */
#ifndef SQTVM_DEPTHWISE3X3_STEPS_H
#define SQTVM_DEPTHWISE3X3_STEPS_H

#include "sqtvm/clip_dsp.h"
#include "sqtvm/common.h"

#define SQTVM_DEPTHWISE_SHIFT_FOUR \
  "ldr r4, [lr, #44]\n\t"          \
  "lsl r5, r5, r4\n\t"             \
  "lsl r6, r6, r4\n\t"             \
  "lsl r7, r7, r4\n\t"             \
  "lsl r8, r8, r4\n\t"

/* The loops below load beside multiplications where the core issues both at once (a Cortex-M7), and
 * otherwise as many as registers hold in a row, which a Cortex-M4 pipelines.
 *
 * BLOCK: two rows of two columns, ROW: one row; multiplier in r2, zero point in r3. STEP: begins of
 * one output of stride 2. FOUR, TWO: r5 to r8, or r5 and r7, to int8. STORE: them, and what the
 * next block begins with. */
#if SQTVM_DUAL_ISSUE

#define SQTVM_DEPTHWISE_BLOCK   \
  "smlatb r6, r9, r2, r5\n\t"   \
  "smlad r7, r10, r2, r5\n\t"   \
  "smlatb r8, r10, r2, r5\n\t"  \
  "smlad r5, r9, r2, r5\n\t"    \
  "ldr r9, [r0, #128]!\n\t"     \
  "ldr r2, [lr, #12]\n\t"       \
  "smlatb r6, r10, r3, r6\n\t"  \
  "smlad r7, r11, r3, r7\n\t"   \
  "smlatb r8, r11, r3, r8\n\t"  \
  "smlad r5, r10, r3, r5\n\t"   \
  "ldr r10, [r0, #4]\n\t"       \
  "ldr r3, [lr, #16]\n\t"       \
  "smlatb r6, r11, r4, r6\n\t"  \
  "smlad r7, r12, r4, r7\n\t"   \
  "smlatb r8, r12, r4, r8\n\t"  \
  "smlad r5, r11, r4, r5\n\t"   \
  "ldr r11, [r0, #8]\n\t"       \
  "ldr r4, [lr, #20]\n\t"       \
  "smlabt r5, r9, r2, r5\n\t"   \
  "smlad r6, r9, r2, r6\n\t"    \
  "smlabt r7, r10, r2, r7\n\t"  \
  "smlad r8, r10, r2, r8\n\t"   \
  "ldr r12, [r0, #12]\n\t"      \
  "ldr r2, [lr, #28]\n\t"       \
  "smlabt r5, r10, r3, r5\n\t"  \
  "smlad r6, r10, r3, r6\n\t"   \
  "smlabt r7, r11, r3, r7\n\t"  \
  "smlad r8, r11, r3, r8\n\t"   \
  "ldr r3, [lr, #32]\n\t"       \
  "smlabt r5, r11, r4, r5\n\t"  \
  "smlad r6, r11, r4, r6\n\t"   \
  "smlabt r7, r12, r4, r7\n\t"  \
  "smlad r8, r12, r4, r8\n\t"

#define SQTVM_DEPTHWISE_ROW    \
  "smlad r7, r10, r2, r5\n\t"  \
  "smlad r5, r9, r2, r5\n\t"   \
  "ldr r9, [r0, #128]\n\t"     \
  "ldr r2, [lr, #12]\n\t"      \
  "smlad r7, r11, r3, r7\n\t"  \
  "smlad r5, r10, r3, r5\n\t"  \
  "ldr r10, [r0, #132]\n\t"    \
  "ldr r3, [lr, #16]\n\t"      \
  "smlad r7, r12, r4, r7\n\t"  \
  "smlad r5, r11, r4, r5\n\t"  \
  "ldr r11, [r0, #136]\n\t"    \
  "ldr r4, [lr, #20]\n\t"      \
  "smlabt r5, r9, r2, r5\n\t"  \
  "smlabt r7, r10, r2, r7\n\t" \
  "ldr r12, [r0, #140]\n\t"    \
  "ldr r2, [lr, #28]\n\t"      \
  "smlabt r5, r10, r3, r5\n\t" \
  "smlabt r7, r11, r3, r7\n\t" \
  "ldr r3, [lr, #32]\n\t"      \
  "smlabt r5, r11, r4, r5\n\t" \
  "smlabt r7, r12, r4, r7\n\t"

#define SQTVM_DEPTHWISE_STEP   \
  "smlad r7, r9, r2, r7\n\t"   \
  "ldr r9, [r0, #128]!\n\t"    \
  "smlad r7, r10, r3, r7\n\t"  \
  "ldr r10, [r0, #4]\n\t"      \
  "smlad r7, r11, r4, r7\n\t"  \
  "ldr r11, [r0, #8]\n\t"

/* FOUR leaves r6's output in r2, and channels + row in r6, row in r3, channels in r4. */
#define SQTVM_DEPTHWISE_FOUR   \
  "ldr r4, [lr, #36]\n\t"      \
  "smmlar r7, r7, r2, r3\n\t"  \
  "smmlar r5, r5, r2, r3\n\t"  \
  "smmlar r8, r8, r2, r3\n\t"  \
  "smmlar r2, r6, r2, r3\n\t"  \
  "ldr r3, [lr, #40]\n\t"      \
  "ssat r7, #8, r7\n\t"        \
  "ssat r5, #8, r5\n\t"        \
  "add r6, r3, r4\n\t"         \
  "ssat r8, #8, r8\n\t"        \
  "ssat r2, #8, r2\n\t"

#define SQTVM_DEPTHWISE_FOUR_CLIPPED \
  SQTVM_DEPTHWISE_SHIFT_FOUR         \
  "smmlar r7, r7, r2, r3\n\t"        \
  "smmlar r5, r5, r2, r3\n\t"        \
  "smmlar r8, r8, r2, r3\n\t"        \
  "smmlar r2, r6, r2, r3\n\t"        \
  "ldr r3, [lr, #48]\n\t"            \
  "ldr r4, [lr, #52]\n\t"            \
  SQTVM_CLIP("r5", "r3", "r4")       \
  SQTVM_CLIP("r2", "r3", "r4")       \
  SQTVM_CLIP("r7", "r3", "r4")       \
  SQTVM_CLIP("r8", "r3", "r4")       \
  "ldr r4, [lr, #36]\n\t"            \
  "ldr r3, [lr, #40]\n\t"            \
  "add r6, r3, r4\n\t"

#define SQTVM_DEPTHWISE_STORE   \
  "strb r7, [r1, r3]\n\t"       \
  "ldr r3, [lr, #4]\n\t"        \
  "strb r5, [r1]\n\t"           \
  "ldr r5, [lr, #24]\n\t"       \
  "strb r8, [r1, r6]\n\t"       \
  "ldr r6, [lr, #72]\n\t"       \
  "strb r2, [r1, r4]\n\t"       \
  "add r1, r1, r4, lsl #1\n\t"  \
  "ldr r2, [lr]\n\t"            \
  "ldr r4, [lr, #8]\n\t"        \
  "cmp r0, r6\n\t"

#else

#define SQTVM_DEPTHWISE_BLOCK   \
  "smlatb r6, r9, r2, r5\n\t"   \
  "smlad r7, r10, r2, r5\n\t"   \
  "smlatb r8, r10, r2, r5\n\t"  \
  "smlad r5, r9, r2, r5\n\t"    \
  "smlatb r6, r10, r3, r6\n\t"  \
  "smlad r7, r11, r3, r7\n\t"   \
  "smlatb r8, r11, r3, r8\n\t"  \
  "smlad r5, r10, r3, r5\n\t"   \
  "smlatb r6, r11, r4, r6\n\t"  \
  "smlad r7, r12, r4, r7\n\t"   \
  "smlatb r8, r12, r4, r8\n\t"  \
  "smlad r5, r11, r4, r5\n\t"   \
  "ldr r2, [lr, #12]\n\t"       \
  "ldr r3, [lr, #16]\n\t"       \
  "ldr r4, [lr, #20]\n\t"       \
  "ldr r10, [r0, #132]\n\t"     \
  "ldr r11, [r0, #136]\n\t"     \
  "ldr r12, [r0, #140]\n\t"     \
  "ldr r9, [r0, #128]!\n\t"     \
  "smlabt r5, r9, r2, r5\n\t"   \
  "smlad r6, r9, r2, r6\n\t"    \
  "smlabt r7, r10, r2, r7\n\t"  \
  "smlad r8, r10, r2, r8\n\t"   \
  "smlabt r5, r10, r3, r5\n\t"  \
  "smlad r6, r10, r3, r6\n\t"   \
  "smlabt r7, r11, r3, r7\n\t"  \
  "smlad r8, r11, r3, r8\n\t"   \
  "smlabt r5, r11, r4, r5\n\t"  \
  "smlad r6, r11, r4, r6\n\t"   \
  "smlabt r7, r12, r4, r7\n\t"  \
  "smlad r8, r12, r4, r8\n\t"   \
  "ldr r2, [lr, #28]\n\t"       \
  "ldr r3, [lr, #32]\n\t"       \
  "ldr r4, [lr, #36]\n\t"

#define SQTVM_DEPTHWISE_ROW    \
  "smlad r7, r10, r2, r5\n\t"  \
  "smlad r5, r9, r2, r5\n\t"   \
  "smlad r7, r11, r3, r7\n\t"  \
  "smlad r5, r10, r3, r5\n\t"  \
  "smlad r7, r12, r4, r7\n\t"  \
  "smlad r5, r11, r4, r5\n\t"  \
  "ldr r2, [lr, #12]\n\t"      \
  "ldr r3, [lr, #16]\n\t"      \
  "ldr r4, [lr, #20]\n\t"      \
  "ldr r9, [r0, #128]\n\t"     \
  "ldr r10, [r0, #132]\n\t"    \
  "ldr r11, [r0, #136]\n\t"    \
  "ldr r12, [r0, #140]\n\t"    \
  "smlabt r5, r9, r2, r5\n\t"  \
  "smlabt r7, r10, r2, r7\n\t" \
  "smlabt r5, r10, r3, r5\n\t" \
  "smlabt r7, r11, r3, r7\n\t" \
  "smlabt r5, r11, r4, r5\n\t" \
  "smlabt r7, r12, r4, r7\n\t" \
  "ldr r2, [lr, #28]\n\t"      \
  "ldr r3, [lr, #32]\n\t"

#define SQTVM_DEPTHWISE_STEP   \
  "smlad r7, r9, r2, r7\n\t"   \
  "smlad r7, r10, r3, r7\n\t"  \
  "smlad r7, r11, r4, r7\n\t"  \
  "ldr r10, [r0, #132]\n\t"    \
  "ldr r11, [r0, #136]\n\t"    \
  "ldr r9, [r0, #128]!\n\t"

#define SQTVM_DEPTHWISE_FOUR   \
  "smmlar r5, r5, r2, r3\n\t"  \
  "smmlar r6, r6, r2, r3\n\t"  \
  "smmlar r7, r7, r2, r3\n\t"  \
  "smmlar r8, r8, r2, r3\n\t"  \
  "ssat r5, #8, r5\n\t"        \
  "ssat r6, #8, r6\n\t"        \
  "ssat r7, #8, r7\n\t"        \
  "ssat r8, #8, r8\n\t"

#define SQTVM_DEPTHWISE_FOUR_CLIPPED \
  SQTVM_DEPTHWISE_SHIFT_FOUR         \
  "smmlar r5, r5, r2, r3\n\t"        \
  "smmlar r6, r6, r2, r3\n\t"        \
  "smmlar r7, r7, r2, r3\n\t"        \
  "smmlar r8, r8, r2, r3\n\t"        \
  "ldr r3, [lr, #48]\n\t"            \
  "ldr r4, [lr, #52]\n\t"            \
  SQTVM_CLIP("r5", "r3", "r4")       \
  SQTVM_CLIP("r6", "r3", "r4")       \
  SQTVM_CLIP("r7", "r3", "r4")       \
  SQTVM_CLIP("r8", "r3", "r4")       \
  "ldr r4, [lr, #36]\n\t"

#define SQTVM_DEPTHWISE_STORE   \
  "ldr r3, [lr, #40]\n\t"       \
  "add r2, r1, r4\n\t"          \
  "strb r7, [r1, r3]\n\t"       \
  "strb r8, [r2, r3]\n\t"       \
  "strb r5, [r1]\n\t"           \
  "strb r6, [r2]\n\t"           \
  "add r1, r2, r4\n\t"          \
  "ldr r6, [lr, #72]\n\t"       \
  "ldr r5, [lr, #24]\n\t"       \
  "ldr r2, [lr]\n\t"            \
  "ldr r3, [lr, #4]\n\t"        \
  "ldr r4, [lr, #8]\n\t"        \
  "cmp r0, r6\n\t"

#endif

/* Shifted first, and clipped only to int8. */
#define SQTVM_DEPTHWISE_FOUR_SHIFTED \
  SQTVM_DEPTHWISE_SHIFT_FOUR         \
  "ldr r4, [lr, #36]\n\t" SQTVM_DEPTHWISE_FOUR

#define SQTVM_DEPTHWISE_TWO_SHIFTED  \
  "ldr r4, [lr, #44]\n\t"            \
  "lsl r5, r5, r4\n\t"               \
  "lsl r7, r7, r4\n\t" SQTVM_DEPTHWISE_TWO

#define SQTVM_DEPTHWISE_TWO   \
  "smmlar r7, r7, r2, r3\n\t" \
  "smmlar r5, r5, r2, r3\n\t" \
  "ldr r4, [lr, #36]\n\t"     \
  "ldr r3, [lr, #40]\n\t"     \
  "ssat r7, #8, r7\n\t"       \
  "ssat r5, #8, r5\n\t"

#define SQTVM_DEPTHWISE_TWO_CLIPPED \
  "ldr r4, [lr, #44]\n\t"           \
  "lsl r5, r5, r4\n\t"              \
  "lsl r7, r7, r4\n\t"              \
  "smmlar r7, r7, r2, r3\n\t"       \
  "smmlar r5, r5, r2, r3\n\t"       \
  "ldr r3, [lr, #48]\n\t"           \
  "ldr r4, [lr, #52]\n\t"           \
  SQTVM_CLIP("r5", "r3", "r4")      \
  SQTVM_CLIP("r7", "r3", "r4")      \
  "ldr r4, [lr, #36]\n\t"           \
  "ldr r3, [lr, #40]\n\t"

#endif
