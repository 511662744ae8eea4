/* tile3x2.h's loops for cores with SMLAD, in assembly: GCC's own register allocation of them costs
 * half as much again.
 *
 * r0 walks the column, r1 the weights; r2 to r4 are A, B and C, r5 to r7 their sums for channel 0,
 * r8 to r10 those for channel 1; packed weights are in r11 (and r12, which is the mask below 8
 * bits), lanes in lr.
 */
#ifndef SQTVM_TILE3X2_DSP_H
#define SQTVM_TILE3X2_DSP_H

#include "sqtvm/clip_dsp.h"
#include "sqtvm/unroll.h"

#if SQTVM_DUAL_ISSUE

/* In the order in which a Cortex-M7 issues loads and lanes beside multiplications. It issues an
 * LDM alone, and takes half a cycle a word: what costs instructions here saves as many cycles. */
#define SQTVM_TILE_QUAD8                                                                        \
  "ldrd r2, r3, [r0], #8\n\t"                                                                   \
  "ldrd r11, r12, [r1], #8\n\t"                                                                 \
  "sxtb16 lr, r11\n\t"                                                                          \
  "sxtb16 r11, r11, ror #8\n\t"                                                                 \
  "smlad r5, lr, r2, r5\n\t"                                                                    \
  "smlad r8, r11, r2, r8\n\t"                                                                   \
  "ldr r4, [r0], #4\n\t"                                                                        \
  "smlad r6, lr, r3, r6\n\t"                                                                    \
  "smlad r7, lr, r4, r7\n\t"                                                                    \
  "sxtb16 lr, r12\n\t"                                                                          \
  "smlad r9, r11, r3, r9\n\t"                                                                   \
  "ldrd r2, r3, [r0], #8\n\t"                                                                   \
  "smlad r10, r11, r4, r10\n\t"                                                                 \
  "ldr r4, [r0], #4\n\t"                                                                        \
  "sxtb16 r12, r12, ror #8\n\t"                                                                 \
  "smlad r5, lr, r2, r5\n\t"                                                                    \
  "smlad r7, lr, r4, r7\n\t"                                                                    \
  "smlad r6, lr, r3, r6\n\t"                                                                    \
  "smlad r10, r12, r4, r10\n\t"                                                                 \
  "smlad r9, r12, r3, r9\n\t"                                                                   \
  "smlad r8, r12, r2, r8\n\t"

#define SQTVM_TILE_LANES(c0h0, c0h1, c1h0, c1h1)                                                \
  "ldrd r2, r3, [r0], #8\n\t"                                                                   \
  "and lr, r12, r11" c0h0 "\n\t"                                                                \
  "smlad r6, lr, r3, r6\n\t"                                                                    \
  "ldr r4, [r0], #4\n\t"                                                                        \
  "smlad r5, lr, r2, r5\n\t"                                                                    \
  "smlad r7, lr, r4, r7\n\t"                                                                    \
  "and lr, r12, r11, lsr #" c1h0 "\n\t"                                                         \
  "smlad r8, lr, r2, r8\n\t"                                                                    \
  "smlad r9, lr, r3, r9\n\t"                                                                    \
  "ldrd r2, r3, [r0], #8\n\t"                                                                   \
  "smlad r10, lr, r4, r10\n\t"                                                                  \
  "and lr, r12, r11, lsr #" c0h1 "\n\t"                                                         \
  "smlad r6, lr, r3, r6\n\t"                                                                    \
  "ldr r4, [r0], #4\n\t"                                                                        \
  "smlad r5, lr, r2, r5\n\t"                                                                    \
  "smlad r7, lr, r4, r7\n\t"                                                                    \
  "and lr, r12, r11, lsr #" c1h1 "\n\t"                                                         \
  "smlad r8, lr, r2, r8\n\t"                                                                    \
  "smlad r10, lr, r4, r10\n\t"                                                                  \
  "smlad r9, lr, r3, r9\n\t"

#else

#define SQTVM_TILE_LOAD "ldmia r0!, {r2, r3, r4}\n\t"
#define SQTVM_TILE_CHANNEL0(lane)                                                               \
  "smlad r5, " lane ", r2, r5\n\t"                                                              \
  "smlad r6, " lane ", r3, r6\n\t"                                                              \
  "smlad r7, " lane ", r4, r7\n\t"
#define SQTVM_TILE_CHANNEL1(lane)                                                               \
  "smlad r8, " lane ", r2, r8\n\t"                                                              \
  "smlad r9, " lane ", r3, r9\n\t"                                                              \
  "smlad r10, " lane ", r4, r10\n\t"

#define SQTVM_TILE_QUAD8                                                                        \
  "ldrd r11, r12, [r1], #8\n\t" SQTVM_TILE_LOAD                                                 \
  "sxtb16 lr, r11\n\t"                                                                          \
  "sxtb16 r11, r11, ror #8\n\t" SQTVM_TILE_CHANNEL0("lr")                                       \
  "sxtb16 lr, r12\n\t" SQTVM_TILE_CHANNEL1("r11") SQTVM_TILE_LOAD                               \
  "sxtb16 r12, r12, ror #8\n\t" SQTVM_TILE_CHANNEL0("lr") SQTVM_TILE_CHANNEL1("r12")

#define SQTVM_TILE_LANES(c0h0, c0h1, c1h0, c1h1)                                                \
  SQTVM_TILE_LOAD                                                                               \
  "and lr, r12, r11" c0h0 "\n\t" SQTVM_TILE_CHANNEL0("lr")                                      \
  "and lr, r12, r11, lsr #" c1h0 "\n\t" SQTVM_TILE_CHANNEL1("lr")                               \
  SQTVM_TILE_LOAD                                                                               \
  "and lr, r12, r11, lsr #" c0h1 "\n\t" SQTVM_TILE_CHANNEL0("lr")                               \
  "and lr, r12, r11, lsr #" c1h1 "\n\t" SQTVM_TILE_CHANNEL1("lr")

#endif

#define SQTVM_TILE_QUAD4 "ldr r11, [r1], #4\n\t" SQTVM_TILE_LANES("", "4", "8", "12")

#define SQTVM_TILE_QUADS2                                                                       \
  "ldr r11, [r1], #4\n\t" SQTVM_TILE_LANES("", "2", "4", "6")                                   \
  SQTVM_TILE_LANES(", lsr #8", "10", "12", "14")

/* lr is at the multipliers of the pair, its biases before them. */
#define SQTVM_TILE_BIASES8                                                                      \
  "ldr r0, [sp]\n\t"                                                                            \
  "ldrd r5, r8, [lr, #-8]\n\t"                                                                  \
  "mov r6, r5\n\t"                                                                              \
  "mov r7, r5\n\t"                                                                              \
  "mov r9, r8\n\t"                                                                              \
  "mov r10, r8\n\t"

#define SQTVM_TILE_BIASES                                                                       \
  "ldrd r7, r10, [lr, #-8]\n\t"                                                                 \
  "ldmia sp, {r0, r2, r3, r4}\n\t"                                                              \
  "add r5, r7, r2\n\t"                                                                          \
  "add r6, r7, r3\n\t"                                                                          \
  "add r7, r7, r4\n\t"                                                                          \
  "add r8, r10, r2\n\t"                                                                         \
  "add r9, r10, r3\n\t"                                                                         \
  "add r10, r10, r4\n\t"

/* Multipliers are in r3 and r4, the zero point in r11, y and offset_b in r0 and r2; lr is at the next
 * pair. In the order in which a Cortex-M7 issues multiplications beside loads and saturations; the
 * flags say whether a pair is left. */
#define SQTVM_TILE_FINISH                                                                       \
  "smmlar r7, r7, r3, r11\n\t"                                                                  \
  "smmlar r5, r5, r3, r11\n\t"                                                                  \
  "smmlar r6, r6, r3, r11\n\t"                                                                  \
  "ldr r3, [sp, #32]\n\t"                                                                       \
  "smmlar r8, r8, r4, r11\n\t"                                                                  \
  "smmlar r9, r9, r4, r11\n\t"                                                                  \
  "smmlar r10, r10, r4, r11\n\t"                                                                \
  "ldr r4, [sp, #36]\n\t"                                                                       \
  "ssat r6, #8, r6\n\t"                                                                         \
  "ssat r5, #8, r5\n\t"                                                                         \
  "strb r6, [r0, r2]\n\t"                                                                       \
  "ssat r7, #8, r7\n\t"                                                                         \
  "strb r7, [r0, r3]\n\t"                                                                       \
  "ssat r8, #8, r8\n\t"                                                                         \
  "strb r5, [r0], #1\n\t"                                                                       \
  "ssat r9, #8, r9\n\t"                                                                         \
  "strb r9, [r0, r2]\n\t"                                                                       \
  "ssat r10, #8, r10\n\t"                                                                       \
  "strb r10, [r0, r3]\n\t"                                                                      \
  "cmp lr, r4\n\t"                                                                              \
  "strb r8, [r0], #1\n\t"                                                                       \
  "str r0, [sp, #24]\n\t"

#define SQTVM_TILE_SHIFT                                                                        \
  "ldr r2, [sp, #52]\n\t"                                                                       \
  "lsl r5, r5, r2\n\t"                                                                          \
  "lsl r6, r6, r2\n\t"                                                                          \
  "lsl r7, r7, r2\n\t"                                                                          \
  "lsl r8, r8, r2\n\t"                                                                          \
  "lsl r9, r9, r2\n\t"                                                                          \
  "lsl r10, r10, r2\n\t"                                                                        \
  "ldr r2, [sp, #28]\n\t"

#define SQTVM_TILE_FINISH_SHIFTED SQTVM_TILE_SHIFT SQTVM_TILE_FINISH

/* Any shift, any clip, and an odd number of channels: stops before the second of the last pair. */
#define SQTVM_TILE_FINISH_ANY                                                                   \
  SQTVM_TILE_SHIFT                                                                              \
  "smmlar r5, r5, r3, r11\n\t"                                                                  \
  "smmlar r6, r6, r3, r11\n\t"                                                                  \
  "smmlar r7, r7, r3, r11\n\t"                                                                  \
  "smmlar r8, r8, r4, r11\n\t"                                                                  \
  "smmlar r9, r9, r4, r11\n\t"                                                                  \
  "smmlar r10, r10, r4, r11\n\t"                                                                \
  "ldrd r2, r3, [sp, #44]\n\t"                                                                  \
  SQTVM_CLIP("r5", "r2", "r3") SQTVM_CLIP("r6", "r2", "r3") SQTVM_CLIP("r7", "r2", "r3") SQTVM_CLIP("r8", "r2", "r3")       \
  SQTVM_CLIP("r9", "r2", "r3") SQTVM_CLIP("r10", "r2", "r3")                                                  \
  "ldrd r2, r3, [sp, #28]\n\t"                                                                  \
  "strb r7, [r0, r3]\n\t"                                                                       \
  "strb r6, [r0, r2]\n\t"                                                                       \
  "strb r5, [r0], #1\n\t"                                                                       \
  "ldr r11, [sp, #36]\n\t"                                                                      \
  "ldr r4, [sp, #56]\n\t"                                                                       \
  "sub r11, r11, lr\n\t"                                                                        \
  "add r11, r11, #1\n\t"                                                                        \
  "cmp r4, r11\n\t"                                                                             \
  "beq 8f\n\t"                                                                                  \
  "strb r10, [r0, r3]\n\t"                                                                      \
  "strb r9, [r0, r2]\n\t"                                                                       \
  "strb r8, [r0], #1\n\t"                                                                       \
  "str r0, [sp, #24]\n\t"                                                                       \
  "ldr r4, [sp, #36]\n\t"                                                                       \
  "cmp lr, r4\n\t"

/* The whole loop over channels is one function a width, shared by every layer. The tile is
 * copied to sp, where the rest of it is in reach while r0 to r12 and lr are all taken; there pair
 * and pair_end are at the multipliers, which follow the biases. The first round of the unrolled loop
 * is entered as unroll.h says. */
#define SQTVM_TILE_FUNCTION(name, mask, biases, turn, finish)                                   \
  __attribute__((naked, noinline, unused)) static void name(                                    \
      __attribute__((unused)) const sqtvm_tile *tile) {                                         \
    __asm__ volatile("push {r4, r5, r6, r7, r8, r9, r10, r11, lr}\n\t"                          \
                     "sub sp, sp, #64\n\t"                                                      \
                     "mov r12, sp\n\t"                                                          \
                     "ldmia r0!, {r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11}\n\t"            \
                     "add r5, r5, #8\n\t"                                                       \
                     "add r10, r10, #8\n\t"                                                     \
                     "mov lr, r5\n\t"                                                           \
                     "stmia r12!, {r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11}\n\t"           \
                     "ldmia r0, {r1, r2, r3, r4, r5, r6}\n\t"                                   \
                     "adr r7, 9f\n\t"                                                           \
                     "ldr r6, [r7, r6, lsl #2]\n\t"                                             \
                     "stmia r12, {r2, r3, r4, r5, r6}\n\t" mask                                 \
                     "0:\n\t" biases                                                            \
                     "ldr pc, [sp, #60]\n"                                                      \
                     SQTVM_UNROLLED(turn)                                                       \
                     "ldr lr, [sp, #40]\n\t"                                                    \
                     "cmp r0, lr\n\t"                                                           \
                     "bne 10b\n\t"                                                              \
                     "ldrd lr, r11, [sp, #16]\n\t"                                              \
                     "ldrd r0, r2, [sp, #24]\n\t"                                               \
                     "ldrd r3, r4, [lr], #16\n\t"                                               \
                     "str lr, [sp, #16]\n\t"                                                    \
                     finish                                                                     \
                     "bne 0b\n"                                                                 \
                     "8:\n\t"                                                                   \
                     "add sp, sp, #64\n\t"                                                      \
                     "pop {r4, r5, r6, r7, r8, r9, r10, r11, pc}\n\t"                           \
                     ".balign 4\n"                                                              \
                     "9:\n\t"                                                                   \
                     SQTVM_ENTRIES);                                                            \
  }

#define SQTVM_TILE_FUNCTIONS(width, mask, biases, turn)                                         \
  SQTVM_TILE_FUNCTION(sqtvm_tile_w##width, mask, biases, turn, SQTVM_TILE_FINISH)               \
  SQTVM_TILE_FUNCTION(sqtvm_tile_shifted_w##width, mask, biases, turn,                          \
                      SQTVM_TILE_FINISH_SHIFTED)                                                \
  SQTVM_TILE_FUNCTION(sqtvm_tile_any_w##width, mask, biases, turn, SQTVM_TILE_FINISH_ANY)

SQTVM_TILE_FUNCTIONS(8, "", SQTVM_TILE_BIASES8, SQTVM_TILE_QUAD8)
SQTVM_TILE_FUNCTIONS(4, "mov r12, #0x000F000F\n\t", SQTVM_TILE_BIASES, SQTVM_TILE_QUAD4)
SQTVM_TILE_FUNCTIONS(2, "mov r12, #0x00030003\n\t", SQTVM_TILE_BIASES, SQTVM_TILE_QUADS2)

#define SQTVM_TILE_CALL(width)                                                                  \
  if (any) {                                                                                    \
    sqtvm_tile_any_w##width(tile);                                                              \
  } else if (shifted) {                                                                         \
    sqtvm_tile_shifted_w##width(tile);                                                          \
  } else {                                                                                      \
    sqtvm_tile_w##width(tile);                                                                  \
  }

#endif
