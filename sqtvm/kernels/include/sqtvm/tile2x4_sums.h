/* What tile2x4_dsp.h does differently at 8, 4 and 2 bits: how sums of two positions by four
 * channels begin, are made and end. */
#ifndef SQTVM_TILE2X4_SUMS_H
#define SQTVM_TILE2X4_SUMS_H

#include "sqtvm/unroll.h"

/* r0 walks the column, r1 the weights; r2 and r3 are A and B, whose sums are in r6 and r7 for
 * channel 0, in r8 and r9 for 1, r10 and r11 for 2, r12 and lr for 3; r4 and r5 are weights. Loads
 * stand together, because a Cortex-M4 pipelines them. */
#define SQTVM_TILE4_HALF8      \
  "ldr r5, [r1, #4]\n\t"       \
  "ldr r3, [r0, #4]\n\t"       \
  "ldr r4, [r1], #8\n\t"       \
  "ldr r2, [r0], #8\n\t"       \
  "smlad r12, r5, r2, r12\n\t" \
  "smlad lr, r5, r3, lr\n\t"   \
  "sxtb16 r5, r5\n\t"          \
  "smlad r8, r4, r2, r8\n\t"   \
  "smlad r9, r4, r3, r9\n\t"   \
  "sxtb16 r4, r4\n\t"          \
  "smlad r10, r5, r2, r10\n\t" \
  "smlad r11, r5, r3, r11\n\t" \
  "smlad r6, r4, r2, r6\n\t"   \
  "smlad r7, r4, r3, r7\n\t"

/* Channels 0 to 2 of the lanes in r4. */
#define SQTVM_TILE4_LANES(mask0, mask1, mask2) \
  "and r5, r4, #" mask0 "\n\t"                 \
  "smlad r6, r5, r2, r6\n\t"                   \
  "smlad r7, r5, r3, r7\n\t"                   \
  "and r5, r4, #" mask1 "\n\t"                 \
  "smlad r8, r5, r2, r8\n\t"                   \
  "smlad r9, r5, r3, r9\n\t"                   \
  "and r5, r4, #" mask2 "\n\t"                 \
  "smlad r10, r5, r2, r10\n\t"                 \
  "smlad r11, r5, r3, r11\n\t"

#define SQTVM_TILE4_CHANNEL3(lanes)   \
  "smlad r12, " lanes ", r2, r12\n\t" \
  "smlad lr, " lanes ", r3, lr\n\t"

#define SQTVM_TILE4_HALF4    \
  "ldr r3, [r0, #4]\n\t"     \
  "ldr r4, [r1], #4\n\t"     \
  "ldr r2, [r0], #8\n\t"     \
  SQTVM_TILE4_CHANNEL3("r4") \
  SQTVM_TILE4_LANES("0x000F000F", "0x00F000F0", "0x0F000F00")

#define SQTVM_TILE4_QUAD8 SQTVM_TILE4_HALF8 SQTVM_TILE4_HALF8
#define SQTVM_TILE4_QUAD4 SQTVM_TILE4_HALF4 SQTVM_TILE4_HALF4
/* Here r8 and r9 are A and B of channels 0 and 1, r12 and lr of 2 and 3; r2 takes the bits 0, 1, 14
 * and 15 of lanes; r3 to r6 are values, r7 is the word. */
#define SQTVM_TILE4_QUAD2        \
  "ldr r4, [r0, #4]\n\t"         \
  "ldr r5, [r0, #8]\n\t"         \
  "ldr r6, [r0, #12]\n\t"        \
  "ldr r7, [r1], #4\n\t"         \
  "ldr r3, [r0], #16\n\t"        \
  "and r10, r2, r7\n\t"          \
  "and r11, r2, r7, ror #4\n\t"  \
  "smlad r8, r10, r3, r8\n\t"    \
  "smlad r9, r10, r4, r9\n\t"    \
  "smlad r12, r11, r3, r12\n\t"  \
  "smlad lr, r11, r4, lr\n\t"    \
  "and r10, r2, r7, ror #8\n\t"  \
  "and r11, r2, r7, ror #12\n\t" \
  "smlad r8, r10, r5, r8\n\t"    \
  "smlad r9, r10, r6, r9\n\t"    \
  "smlad r12, r11, r5, r12\n\t"  \
  "smlad lr, r11, r6, lr\n\t"

/* What a round ends with: nothing but the way to the next one, or, at 2 bits, taking the even
 * channels out of the low 14 bits, to what is kept of them at sp. */
#define SQTVM_TILE4_ROUND \
  "ldr r2, [sp, #8]\n\t"  \
  "cmp r0, r2\n\t"        \
  "bne 10b\n\t"

#define SQTVM_TILE4_TAKE(kept, sums) \
  "sbfx r4, " sums ", #0, #14\n\t"   \
  "sub " kept ", " kept ", r4\n\t"   \
  "sub " sums ", " sums ", r4\n\t"

#define SQTVM_TILE4_ROUND2                                    \
  "ldr r3, [sp, #8]\n\t"                                      \
  "ldr r6, [sp, #76]\n\t"                                     \
  "ldr r7, [sp, #80]\n\t"                                     \
  "ldr r10, [sp, #84]\n\t"                                    \
  "ldr r11, [sp, #88]\n\t" SQTVM_TILE4_TAKE("r6", "r8")       \
  SQTVM_TILE4_TAKE("r7", "r9") SQTVM_TILE4_TAKE("r10", "r12") \
  SQTVM_TILE4_TAKE("r11", "lr")                               \
  "cmp r0, r3\n\t"                                            \
  "bne 24b\n\t"

#define SQTVM_TILE4_KEEP2  \
  "24:\n\t"                \
  "str r6, [sp, #76]\n\t"  \
  "str r7, [sp, #80]\n\t"  \
  "str r10, [sp, #84]\n\t" \
  "str r11, [sp, #88]\n"

#define SQTVM_TILE4_ROUNDS8 SQTVM_UNROLLED8(SQTVM_TILE4_QUAD8) SQTVM_TILE4_ROUND
#define SQTVM_TILE4_ROUNDS4 SQTVM_UNROLLED8(SQTVM_TILE4_QUAD4) SQTVM_TILE4_ROUND
#define SQTVM_TILE4_ROUNDS2 \
  SQTVM_TILE4_KEEP2 SQTVM_UNROLLED8(SQTVM_TILE4_QUAD2) SQTVM_TILE4_ROUND2
/* Rounds of five quads, whose products fit whatever the weights are. */
#define SQTVM_TILE4_ROUNDS2of5 \
  SQTVM_TILE4_KEEP2 "b 13f\n"  \
  SQTVM_UNROLLED8(SQTVM_TILE4_QUAD2) SQTVM_TILE4_ROUND2

/* Where sums begin; r0: the four channels. What a channel is folded with begins as it does, so that
 * subtracting it leaves nothing of where it began; the other biases, and what the offset of weights
 * adds, come last. At 8 and 4 bits the first quad is done here, from registers that are not its
 * own, which saves moving. */
#define SQTVM_TILE4_BEGIN8     \
  "ldr r6, [r0]\n\t"           \
  "ldr r10, [r0, #8]\n\t"      \
  "ldr r1, [sp]\n\t"           \
  "ldr r0, [sp, #4]\n\t"       \
  "ldr r5, [r1, #4]\n\t"       \
  "ldr r3, [r0, #4]\n\t"       \
  "ldr r4, [r1], #8\n\t"       \
  "ldr r2, [r0], #8\n\t"       \
  "smlad r12, r5, r2, r10\n\t" \
  "smlad lr, r5, r3, r10\n\t"  \
  "sxtb16 r5, r5\n\t"          \
  "smlad r8, r4, r2, r6\n\t"   \
  "smlad r9, r4, r3, r6\n\t"   \
  "sxtb16 r4, r4\n\t"          \
  "smlad r11, r5, r3, r10\n\t" \
  "smlad r10, r5, r2, r10\n\t" \
  "smlad r7, r4, r3, r6\n\t"   \
  "smlad r6, r4, r2, r6\n\t" SQTVM_TILE4_HALF8

#define SQTVM_TILE4_BEGIN4      \
  "ldr r6, [r0]\n\t"            \
  "ldr r1, [sp]\n\t"            \
  "ldr r0, [sp, #4]\n\t"        \
  "ldr r3, [r0, #4]\n\t"        \
  "ldr r4, [r1], #4\n\t"        \
  "ldr r2, [r0], #8\n\t"        \
  "smlad r12, r4, r2, r6\n\t"   \
  "smlad lr, r4, r3, r6\n\t"    \
  "and r5, r4, #0x000F000F\n\t" \
  "smlad r7, r5, r3, r6\n\t"    \
  "smlad r6, r5, r2, r6\n\t"    \
  "and r5, r4, #0x00F000F0\n\t" \
  "smuad r8, r5, r2\n\t"        \
  "smuad r9, r5, r3\n\t"        \
  "and r5, r4, #0x0F000F00\n\t" \
  "smuad r10, r5, r2\n\t"       \
  "smuad r11, r5, r3\n\t" SQTVM_TILE4_HALF4

#define SQTVM_TILE4_BEGIN2      \
  "ldr r6, [r0]\n\t"            \
  "ldr r10, [r0, #8]\n\t"       \
  "ldr r8, [sp, #36]\n\t"       \
  "ldr r9, [sp, #40]\n\t"       \
  "ldr r1, [sp]\n\t"            \
  "ldr r0, [sp, #4]\n\t"        \
  "add r7, r6, r9\n\t"          \
  "add r6, r6, r8\n\t"          \
  "add r11, r10, r9\n\t"        \
  "add r10, r10, r8\n\t"        \
  "str r6, [sp, #76]\n\t"       \
  "str r7, [sp, #80]\n\t"       \
  "str r10, [sp, #84]\n\t"      \
  "str r11, [sp, #88]\n\t"      \
  "mov r2, #0x00030003\n\t"     \
  "orr r2, r2, #0xC000C000\n\t" \
  "mov r8, #0\n\t"              \
  "mov r9, #0\n\t"              \
  "mov r12, #0\n\t"             \
  "mov lr, #0\n\t"

#define SQTVM_TILE4_BEGIN2of5 SQTVM_TILE4_BEGIN2

/* Unfolds; r0: the four channels. */
#define SQTVM_TILE4_UNFOLD8      \
  "ldr r2, [r0, #4]\n\t"         \
  "ldr r3, [r0, #12]\n\t"        \
  "sub r8, r8, r6\n\t"           \
  "sub r9, r9, r7\n\t"           \
  "sub r12, r12, r10\n\t"        \
  "sub lr, lr, r11\n\t"          \
  "add r8, r2, r8, asr #8\n\t"   \
  "add r9, r2, r9, asr #8\n\t"   \
  "add r12, r3, r12, asr #8\n\t" \
  "add lr, r3, lr, asr #8\n\t"

#define SQTVM_TILE4_UNFOLD4       \
  "ldr r2, [sp, #36]\n\t"         \
  "ldr r3, [sp, #40]\n\t"         \
  "ldr r4, [r0, #4]\n\t"          \
  "ldr r5, [r0, #8]\n\t"          \
  "ldr r1, [r0, #12]\n\t"         \
  "sub r12, r12, r6\n\t"          \
  "sub lr, lr, r7\n\t"            \
  "sub r12, r12, r8\n\t"          \
  "sub lr, lr, r9\n\t"            \
  "sub r12, r12, r10\n\t"         \
  "sub lr, lr, r11\n\t"           \
  "add r8, r8, r2, lsl #4\n\t"    \
  "add r9, r9, r3, lsl #4\n\t"    \
  "add r10, r10, r2, lsl #8\n\t"  \
  "add r11, r11, r3, lsl #8\n\t"  \
  "add r6, r6, r2\n\t"            \
  "add r7, r7, r3\n\t"            \
  "add r8, r4, r8, asr #4\n\t"    \
  "add r9, r4, r9, asr #4\n\t"    \
  "add r10, r5, r10, asr #8\n\t"  \
  "add r11, r5, r11, asr #8\n\t"  \
  "add r12, r1, r12, asr #12\n\t" \
  "add lr, r1, lr, asr #12\n\t"

#define SQTVM_TILE4_UNFOLD2       \
  "ldr r2, [r0, #4]\n\t"          \
  "ldr r3, [r0, #12]\n\t"         \
  "add r8, r2, r8, asr #14\n\t"   \
  "add r9, r2, r9, asr #14\n\t"   \
  "add r12, r3, r12, asr #14\n\t" \
  "add lr, r3, lr, asr #14\n\t"

#define SQTVM_TILE4_UNFOLD2of5 SQTVM_TILE4_UNFOLD2

#endif
