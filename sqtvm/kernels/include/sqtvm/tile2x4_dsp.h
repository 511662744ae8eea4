/* The loops of tile2x4.h in assembly: GCC's own register allocation would spill what fills all of
 * r0 to r12 and lr. */
#ifndef SQTVM_TILE2X4_DSP_H
#define SQTVM_TILE2X4_DSP_H

#include "sqtvm/column2.h"
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
#define SQTVM_TILE4_QUAD2                                     \
  "ldr r3, [r0, #4]\n\t"                                      \
  "ldr r4, [r1], #4\n\t"                                      \
  "ldr r2, [r0], #8\n\t"                                      \
  "uxtb16 r5, r4\n\t"                                         \
  SQTVM_TILE4_CHANNEL3("r5")                                  \
  SQTVM_TILE4_LANES("0x00030003", "0x000C000C", "0x00300030") \
  "ldr r3, [r0, #4]\n\t"                                      \
  "ldr r2, [r0], #8\n\t"                                      \
  "uxtb16 r4, r4, ror #8\n\t"                                 \
  SQTVM_TILE4_CHANNEL3("r4")                                  \
  SQTVM_TILE4_LANES("0x00030003", "0x000C000C", "0x00300030")

/* Where sums begin; r0: the four channels. What channel 3 is folded with begins as they do, so that
 * subtracting it leaves nothing of where it began. Biases of folded channels come last. At 8 bits
 * the first quad is done here, from registers that are not its own, which saves moving. */
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

#define SQTVM_TILE4_BEGIN(shift1, shift2) \
  "ldr r6, [r0]\n\t"                      \
  "ldr r2, [sp, #36]\n\t"                 \
  "ldr r3, [sp, #40]\n\t"                 \
  "ldr r1, [sp]\n\t"                      \
  "ldr r0, [sp, #4]\n\t"                  \
  "add r7, r6, r3\n\t"                    \
  "add r6, r6, r2\n\t"                    \
  "lsl r8, r2, #" shift1 "\n\t"           \
  "lsl r9, r3, #" shift1 "\n\t"           \
  "lsl r10, r2, #" shift2 "\n\t"          \
  "lsl r11, r3, #" shift2 "\n\t"          \
  "add r12, r6, r8\n\t"                   \
  "add lr, r7, r9\n\t"                    \
  "add r12, r12, r10\n\t"                 \
  "add lr, lr, r11\n\t"

#define SQTVM_TILE4_BEGIN4 SQTVM_TILE4_BEGIN("4", "8")
#define SQTVM_TILE4_BEGIN2       \
  SQTVM_TILE4_BEGIN("2", "4")    \
  "add r12, r12, r2, lsl #6\n\t" \
  "add lr, lr, r3, lsl #6\n\t"

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

#define SQTVM_TILE4_UNFOLD(shift1, shift2, shift3) \
  "ldr r2, [r0, #4]\n\t"                           \
  "ldr r3, [r0, #8]\n\t"                           \
  "ldr r4, [r0, #12]\n\t"                          \
  "sub r12, r12, r6\n\t"                           \
  "sub lr, lr, r7\n\t"                             \
  "sub r12, r12, r8\n\t"                           \
  "sub lr, lr, r9\n\t"                             \
  "sub r12, r12, r10\n\t"                          \
  "sub lr, lr, r11\n\t"                            \
  "add r8, r2, r8, asr #" shift1 "\n\t"            \
  "add r9, r2, r9, asr #" shift1 "\n\t"            \
  "add r10, r3, r10, asr #" shift2 "\n\t"          \
  "add r11, r3, r11, asr #" shift2 "\n\t"          \
  "add r12, r4, r12, asr #" shift3 "\n\t"          \
  "add lr, r4, lr, asr #" shift3 "\n\t"

#define SQTVM_TILE4_UNFOLD4 SQTVM_TILE4_UNFOLD("4", "8", "12")
#define SQTVM_TILE4_UNFOLD2 SQTVM_TILE4_UNFOLD("2", "4", "6")

#define SQTVM_TILE4_EACH(what) \
  what("r6") what("r7") what("r8") what("r9") what("r10") what("r11") what("r12") what("lr")

#define SQTVM_TILE4_SHIFT(value) "lsl " value ", " value ", r1\n\t"
#define SQTVM_TILE4_SATURATE(value) "ssat " value ", #8, " value "\n\t"
#define SQTVM_TILE4_CLIP(value) \
  "cmp " value ", r2\n\t"       \
  "it lt\n\t"                   \
  "movlt " value ", r2\n\t"     \
  "cmp " value ", r3\n\t"       \
  "it gt\n\t"                   \
  "movgt " value ", r3\n\t"

#define SQTVM_TILE4_SCALE       \
  "ldr r1, [sp, #32]\n\t"       \
  "ldr r2, [r0, #16]\n\t"       \
  "ldr r3, [r0, #20]\n\t"       \
  "ldr r4, [r0, #24]\n\t"       \
  "ldr r5, [r0, #28]\n\t"       \
  "smmlar r6, r6, r2, r1\n\t"   \
  "smmlar r7, r7, r2, r1\n\t"   \
  "smmlar r8, r8, r3, r1\n\t"   \
  "smmlar r9, r9, r3, r1\n\t"   \
  "smmlar r10, r10, r4, r1\n\t" \
  "smmlar r11, r11, r4, r1\n\t" \
  "smmlar r12, r12, r5, r1\n\t" \
  "smmlar lr, lr, r5, r1\n\t"

#define SQTVM_TILE4_FINISH SQTVM_TILE4_SCALE SQTVM_TILE4_EACH(SQTVM_TILE4_SATURATE)
#define SQTVM_TILE4_FINISH_ANY                          \
  "ldr r1, [sp, #72]\n\t"                               \
  SQTVM_TILE4_EACH(SQTVM_TILE4_SHIFT) SQTVM_TILE4_SCALE \
  "ldr r2, [sp, #64]\n\t"                               \
  "ldr r3, [sp, #68]\n\t" SQTVM_TILE4_EACH(SQTVM_TILE4_CLIP)

/* Pointwise: both columns, and where the channels begin. */
#define SQTVM_TILE4_COLUMNS(begin, add, end) \
  "20:\n\t"                                  \
  "ldr r0, [sp, #4]\n\t"                     \
  "ldr r3, [sp, #8]\n\t"                     \
  "ldr r1, [sp, #44]\n\t"                    \
  "ldr r2, [sp, #48]\n\t"                    \
  "sub r12, r3, r0\n\t"                      \
  "add r2, r1, r2\n\t" begin                 \
  "tst r12, #16\n\t"                         \
  "bne 22f\n"                                \
  "21:\n\t" SQTVM_EXPAND2_QUAD(add)          \
  "22:\n\t" SQTVM_EXPAND2_QUAD(add)          \
  "cmp r0, r3\n\t"                           \
  "bne 21b\n\t"                              \
  "ldr r0, [sp, #60]\n\t"                    \
  "ldr r3, [sp, #56]\n\t"                    \
  "str r2, [sp, #44]\n\t"                    \
  "str r3, [sp]\n\t" end

#define SQTVM_TILE4_NEXT       \
  "ldr r2, [sp, #52]\n\t"      \
  "ldr r3, [sp, #24]\n\t"      \
  "ldr r4, [sp, #28]\n\t"      \
  "subs r2, r2, #1\n\t"        \
  "add r3, r3, r4, lsl #1\n\t" \
  "str r2, [sp, #52]\n\t"      \
  "str r3, [sp, #24]\n\t"      \
  "bne 20b\n\t"

#define SQTVM_TILE4_POINTWISE8 SQTVM_TILE4_COLUMNS("", "", "")
#define SQTVM_TILE4_POINTWISE(factor)            \
  SQTVM_TILE4_COLUMNS("mov r8, #0\n\t"           \
                      "mov r9, #0\n\t"           \
                      "mvn lr, #" factor "\n\t", \
                      SQTVM_EXPAND2_ADD,         \
                      "str r8, [sp, #36]\n\t"    \
                      "str r9, [sp, #40]\n\t")
#define SQTVM_TILE4_POINTWISE4 SQTVM_TILE4_POINTWISE("0x00070007")
#define SQTVM_TILE4_POINTWISE2 SQTVM_TILE4_POINTWISE("0x00010001")

/* What only pointwise layers, shifts and clips need. */
#define SQTVM_TILE4_REST                            \
  "add r12, sp, #44\n\t"                            \
  "ldmia r0!, {r1, r2, r3, r4, r6, r7, r8, r9}\n\t" \
  "stmia r12!, {r1, r2, r3, r4, r6, r7, r8, r9}\n\t"

/* The tile is copied to sp, where the rest of it is in reach while r0 to r12 and lr are all taken.
 * There y is less an eighth of the channels' address, which grows by 32 while y grows by 4. The first
 * round of the unrolled loop is entered as unroll.h says. */
#define SQTVM_TILE4_FUNCTION(name, rest, columns, begin, turn, unfold, finish, next) \
  __attribute__((naked, noinline, unused)) static void name(                         \
      __attribute__((unused)) const sqtvm_tile4 *tile) {                             \
    __asm__ volatile("push {r4, r5, r6, r7, r8, r9, r10, r11, lr}\n\t"               \
                     "sub sp, sp, #76\n\t"                                           \
                     "ldmia r0!, {r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11}\n\t" \
                     "adr r12, 9f\n\t"                                               \
                     "ldr r4, [r12, r4, lsl #2]\n\t"                                 \
                     "sub r7, r7, r5, lsr #3\n\t"                                    \
                     "stmia sp, {r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11}\n\t"  \
                     rest                                                            \
                     "mov r0, r5\n\t" columns                                        \
                     "0:\n\t"                                                        \
                     "str r0, [sp, #16]\n\t" begin                                   \
                     "ldr pc, [sp, #12]\n"                                           \
                     SQTVM_UNROLLED(turn)                                            \
                     "ldr r2, [sp, #8]\n\t"                                          \
                     "cmp r0, r2\n\t"                                                \
                     "bne 10b\n\t"                                                   \
                     "ldr r0, [sp, #16]\n\t"                                         \
                     "str r1, [sp]\n\t" unfold finish                                \
                     "ldr r2, [sp, #24]\n\t"                                         \
                     "ldr r3, [sp, #28]\n\t"                                         \
                     "ldr r4, [sp, #20]\n\t"                                         \
                     "add r2, r2, r0, lsr #3\n\t"                                    \
                     "add r3, r3, r2\n\t"                                            \
                     "add r0, r0, #32\n\t"                                           \
                     "strb r6, [r2]\n\t"                                             \
                     "strb r8, [r2, #1]\n\t"                                         \
                     "strb r10, [r2, #2]\n\t"                                        \
                     "strb r12, [r2, #3]\n\t"                                        \
                     "strb r7, [r3]\n\t"                                             \
                     "strb r9, [r3, #1]\n\t"                                         \
                     "strb r11, [r3, #2]\n\t"                                        \
                     "strb lr, [r3, #3]\n\t"                                         \
                     "cmp r0, r4\n\t"                                                \
                     "bne 0b\n\t" next                                               \
                     "add sp, sp, #76\n\t"                                           \
                     "pop {r4, r5, r6, r7, r8, r9, r10, r11, pc}\n\t"                \
                     ".balign 4\n"                                                   \
                     "9:\n\t"                                                        \
                     SQTVM_ENTRIES);                                                 \
  }

#define SQTVM_TILE4_FUNCTIONS(width)                                                                  \
  SQTVM_TILE4_FUNCTION(sqtvm_tile4_w##width, "", "", SQTVM_TILE4_BEGIN##width,                        \
                       SQTVM_TILE4_QUAD##width, SQTVM_TILE4_UNFOLD##width, SQTVM_TILE4_FINISH,        \
                       "")                                                                            \
  SQTVM_TILE4_FUNCTION(sqtvm_tile4_any_w##width, SQTVM_TILE4_REST, "", SQTVM_TILE4_BEGIN##width,      \
                       SQTVM_TILE4_QUAD##width, SQTVM_TILE4_UNFOLD##width,                            \
                       SQTVM_TILE4_FINISH_ANY, "")                                                    \
  SQTVM_TILE4_FUNCTION(sqtvm_pointwise4_w##width, SQTVM_TILE4_REST, SQTVM_TILE4_POINTWISE##width,     \
                       SQTVM_TILE4_BEGIN##width, SQTVM_TILE4_QUAD##width,                             \
                       SQTVM_TILE4_UNFOLD##width, SQTVM_TILE4_FINISH, SQTVM_TILE4_NEXT)               \
  SQTVM_TILE4_FUNCTION(sqtvm_pointwise4_any_w##width, SQTVM_TILE4_REST, SQTVM_TILE4_POINTWISE##width, \
                       SQTVM_TILE4_BEGIN##width, SQTVM_TILE4_QUAD##width,                             \
                       SQTVM_TILE4_UNFOLD##width, SQTVM_TILE4_FINISH_ANY, SQTVM_TILE4_NEXT)

SQTVM_TILE4_FUNCTIONS(8)
SQTVM_TILE4_FUNCTIONS(4)
SQTVM_TILE4_FUNCTIONS(2)

#endif
