/* The loops of tile2x4.h in assembly: GCC's own register allocation would spill what fills all of
 * r0 to r12 and lr. */
#ifndef SQTVM_TILE2X4_DSP_H
#define SQTVM_TILE2X4_DSP_H

#include "sqtvm/clip_dsp.h"
#include "sqtvm/column2.h"
#include "sqtvm/tile2x4_sums.h"

#define SQTVM_TILE4_EACH(what) \
  what("r6") what("r7") what("r8") what("r9") what("r10") what("r11") what("r12") what("lr")

#define SQTVM_TILE4_SHIFT(value) "lsl " value ", " value ", r1\n\t"
#define SQTVM_TILE4_SATURATE(value) "ssat " value ", #8, " value "\n\t"
#define SQTVM_TILE4_CLIP(value) SQTVM_CLIP(value, "r2", "r3")

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
#define SQTVM_TILE4_SHIFTED \
  "ldr r1, [sp, #72]\n\t" SQTVM_TILE4_EACH(SQTVM_TILE4_SHIFT) SQTVM_TILE4_SCALE
#define SQTVM_TILE4_FINISH_SHIFTED SQTVM_TILE4_SHIFTED SQTVM_TILE4_EACH(SQTVM_TILE4_SATURATE)
#define SQTVM_TILE4_FINISH_CLIPPED SQTVM_TILE4_SHIFTED \
  "ldr r2, [sp, #64]\n\t"                              \
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
                      "mov lr, #" factor "\n\t", \
                      SQTVM_EXPAND2_ADD,         \
                      "str r8, [sp, #36]\n\t"    \
                      "str r9, [sp, #40]\n\t")
#define SQTVM_TILE4_POINTWISE4 SQTVM_TILE4_POINTWISE("0xFFF8FFF8")
#define SQTVM_TILE4_POINTWISE2 SQTVM_TILE4_POINTWISE("0x00010001")
#define SQTVM_TILE4_POINTWISE2of5 SQTVM_TILE4_POINTWISE2

/* What only pointwise layers, shifts and clips need. */
#define SQTVM_TILE4_REST                            \
  "add r12, sp, #44\n\t"                            \
  "ldmia r0!, {r1, r2, r3, r4, r6, r7, r8, r9}\n\t" \
  "stmia r12!, {r1, r2, r3, r4, r6, r7, r8, r9}\n\t"

/* The tile is copied to sp, where the rest of it is in reach while r0 to r12 and lr are all taken.
 * There y is less an eighth of the channels' address, which grows by 32 while y grows by 4; from 76
 * on is what 2 bits keep. The first round of the unrolled loop is entered as unroll.h says. */
#define SQTVM_TILE4_FUNCTION(name, rest, columns, begin, rounds, unfold, finish, next) \
  __attribute__((naked, noinline, unused)) static void name(                           \
      __attribute__((unused)) const sqtvm_tile4 *tile) {                               \
    __asm__ volatile("push {r4, r5, r6, r7, r8, r9, r10, r11, lr}\n\t"                 \
                     "sub sp, sp, #92\n\t"                                             \
                     "ldmia r0!, {r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11}\n\t"   \
                     "adr r12, 9f\n\t"                                                 \
                     "ldr r4, [r12, r4, lsl #2]\n\t"                                   \
                     "sub r7, r7, r5, lsr #3\n\t"                                      \
                     "stmia sp, {r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11}\n\t"    \
                     rest                                                              \
                     "mov r0, r5\n\t" columns                                          \
                     "0:\n\t"                                                          \
                     "str r0, [sp, #16]\n\t" begin                                     \
                     "ldr pc, [sp, #12]\n"                                             \
                     rounds                                                            \
                     "ldr r0, [sp, #16]\n\t"                                           \
                     "str r1, [sp]\n\t" unfold finish                                  \
                     "ldr r2, [sp, #24]\n\t"                                           \
                     "ldr r3, [sp, #28]\n\t"                                           \
                     "ldr r4, [sp, #20]\n\t"                                           \
                     "add r2, r2, r0, lsr #3\n\t"                                      \
                     "add r3, r3, r2\n\t"                                              \
                     "add r0, r0, #32\n\t"                                             \
                     "strb r6, [r2]\n\t"                                               \
                     "strb r8, [r2, #1]\n\t"                                           \
                     "strb r10, [r2, #2]\n\t"                                          \
                     "strb r12, [r2, #3]\n\t"                                          \
                     "strb r7, [r3]\n\t"                                               \
                     "strb r9, [r3, #1]\n\t"                                           \
                     "strb r11, [r3, #2]\n\t"                                          \
                     "strb lr, [r3, #3]\n\t"                                           \
                     "cmp r0, r4\n\t"                                                  \
                     "bne 0b\n\t" next                                                 \
                     "add sp, sp, #92\n\t"                                             \
                     "pop {r4, r5, r6, r7, r8, r9, r10, r11, pc}\n\t"                  \
                     ".balign 4\n"                                                     \
                     "9:\n\t"                                                          \
                     SQTVM_ENTRIES8);                                                   \
  }

#define SQTVM_TILE4_FINISHED(name, width, rest, columns, finish, next)       \
  SQTVM_TILE4_FUNCTION(name##width, rest, columns, SQTVM_TILE4_BEGIN##width, \
                       SQTVM_TILE4_ROUNDS##width, SQTVM_TILE4_UNFOLD##width, finish, next)

#define SQTVM_TILE4_FUNCTIONS(width)                                                       \
  SQTVM_TILE4_FINISHED(sqtvm_tile4_w, width, "", "", SQTVM_TILE4_FINISH, "")               \
  SQTVM_TILE4_FINISHED(sqtvm_tile4_shifted_w, width, SQTVM_TILE4_REST, "",                 \
                       SQTVM_TILE4_FINISH_SHIFTED, "")                                     \
  SQTVM_TILE4_FINISHED(sqtvm_tile4_clipped_w, width, SQTVM_TILE4_REST, "",                 \
                       SQTVM_TILE4_FINISH_CLIPPED, "")                                     \
  SQTVM_TILE4_FINISHED(sqtvm_pointwise4_w, width, SQTVM_TILE4_REST,                        \
                       SQTVM_TILE4_POINTWISE##width, SQTVM_TILE4_FINISH, SQTVM_TILE4_NEXT) \
  SQTVM_TILE4_FINISHED(sqtvm_pointwise4_shifted_w, width, SQTVM_TILE4_REST,                \
                       SQTVM_TILE4_POINTWISE##width, SQTVM_TILE4_FINISH_SHIFTED,           \
                       SQTVM_TILE4_NEXT)                                                   \
  SQTVM_TILE4_FINISHED(sqtvm_pointwise4_clipped_w, width, SQTVM_TILE4_REST,                \
                       SQTVM_TILE4_POINTWISE##width, SQTVM_TILE4_FINISH_CLIPPED,           \
                       SQTVM_TILE4_NEXT)

SQTVM_TILE4_FUNCTIONS(8)
SQTVM_TILE4_FUNCTIONS(4)
SQTVM_TILE4_FUNCTIONS(2)
SQTVM_TILE4_FUNCTIONS(2of5)

#endif
