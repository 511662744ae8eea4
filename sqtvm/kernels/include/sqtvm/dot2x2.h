/* Two output positions times two output channels over a column pair: the heart of conv2d.
 *
 * Packed weights of two channels, a quad at a time, offset-binary (weight + 2^(bits-1)) below
 * 8 bits; a word unpacks to two lanes by AND mask, word LSR #n:
 *
 *   8 bits: 4 bytes of channel 0 (k0 k1 k2 k3), then 4 of channel 1: 2 words a quad
 *   4 bits: bit 0: c0k0, 4: c0k1, 8: c1k0, 12: c1k1, 16: c0k2, 20: c0k3, 24: c1k2, 28: c1k3
 *   2 bits: two quads a word, lane n of 2 bits at 2n and 16 + 2n, the order of lanes as above
 */
#ifndef SQTVM_DOT2X2_H
#define SQTVM_DOT2X2_H

#include "sqtvm/column.h"

/* Accumulators: a0 is position A times channel 0, b1 position B times channel 1. */
typedef struct {
  int32_t a0;
  int32_t b0;
  int32_t a1;
  int32_t b1;
} sqtvm_tile;

SQTVM_INLINE const uint8_t *sqtvm_dot2x2_portable(const int16_t *column, const uint8_t *weights,
                                                  int32_t quads, int32_t bits, sqtvm_tile *tile) {
  for (int32_t quad = 0; quad < quads; ++quad) {
    int32_t lane[8];
    if (bits == 8) {
      const int8_t *bytes = (const int8_t *)weights;
      const int32_t order[4] = {0, 2, 1, 3};
      for (int32_t i = 0; i < 4; ++i) {
        lane[i] = bytes[order[i]];
        lane[4 + i] = bytes[4 + order[i]];
      }
      weights += 8;
    } else {
      const uint32_t word = sqtvm_load_word(weights);
      const uint32_t mask = (1U << bits) - 1U;
      const uint32_t first = bits == 2 ? 8U * ((uint32_t)quad & 1U) : 0U;
      for (uint32_t i = 0; i < 4; ++i) {
        const uint32_t shift = first + (uint32_t)bits * i;
        lane[2 * i] = (int32_t)((word >> shift) & mask);
        lane[2 * i + 1] = (int32_t)((word >> (shift + 16U)) & mask);
      }
      if (bits == 4 || (quad & 1)) {
        weights += 4;
      }
    }
    for (int32_t i = 0; i < 4; ++i) {
      tile->a0 += lane[i] * column[i];
      tile->b0 += lane[i] * column[4 + i];
      tile->a1 += lane[4 + i] * column[i];
      tile->b1 += lane[4 + i] * column[4 + i];
    }
    column += 8;
  }
  return weights;
}

#if SQTVM_DSP

/* GCC's own register allocation of the same loop costs half as much again. The words of the
 * column are in r2 to r5, packed weights in r6 (and r7, which is the mask below 8 bits), unpacked
 * ones in ip. */
#define SQTVM_DOT2X2_PAIR(low, high)        \
  "smlad r8, r12, " low ", r8\n\t"    \
  "smlad r9, r12, " high ", r9\n\t"
#define SQTVM_DOT2X2_PAIR1(low, high)       \
  "smlad r10, r12, " low ", r10\n\t"    \
  "smlad r11, r12, " high ", r11\n\t"

#define SQTVM_DOT2X2_QUAD8                  \
  "ldmia r0!, {r2, r3, r4, r5}\n\t"  \
  "ldrd r6, r7, [r1], #8\n\t"       \
  "sxtb16 r12, r6\n\t"                      \
  SQTVM_DOT2X2_PAIR("r2", "r4")             \
  "sxtb16 r12, r6, ror #8\n\t"              \
  SQTVM_DOT2X2_PAIR("r3", "r5")             \
  "sxtb16 r12, r7\n\t"                      \
  SQTVM_DOT2X2_PAIR1("r2", "r4")            \
  "sxtb16 r12, r7, ror #8\n\t"              \
  SQTVM_DOT2X2_PAIR1("r3", "r5")

#define SQTVM_DOT2X2_LANES(s0, s1, s2, s3)       \
  "and r12, r7, r6" s0 "\n\t"               \
  SQTVM_DOT2X2_PAIR("r2", "r4")                  \
  "and r12, r7, r6, lsr #" s1 "\n\t"        \
  SQTVM_DOT2X2_PAIR("r3", "r5")                  \
  "and r12, r7, r6, lsr #" s2 "\n\t"        \
  SQTVM_DOT2X2_PAIR1("r2", "r4")                 \
  "and r12, r7, r6, lsr #" s3 "\n\t"        \
  SQTVM_DOT2X2_PAIR1("r3", "r5")

#define SQTVM_DOT2X2_QUAD4                  \
  "ldmia r0!, {r2, r3, r4, r5}\n\t"  \
  "ldr r6, [r1], #4\n\t"            \
  SQTVM_DOT2X2_LANES("", "4", "8", "12")

#define SQTVM_DOT2X2_QUADS2                     \
  "ldmia r0!, {r2, r3, r4, r5}\n\t"      \
  "ldr r6, [r1], #4\n\t"                \
  SQTVM_DOT2X2_LANES("", "2", "4", "6")         \
  "ldmia r0!, {r2, r3, r4, r5}\n\t"      \
  SQTVM_DOT2X2_LANES(", lsr #8", "10", "12", "14")

/* The loops are functions of their own, shared by every layer: call and return cost 20
 * instructions a tile, a copy in each layer would cost its flash. r8 to r11 are a0, b0, a1, b1;
 * lr counts. A loop of four quads a turn, then one of single quads (pairs of quads at 2 bits). */
#define SQTVM_DOT2X2_FUNCTION(name, mask_low, four, one, remainder_shift)                       \
  __attribute__((naked, noinline, unused)) static const uint8_t *name(                          \
      __attribute__((unused)) const int16_t *column,                                            \
      __attribute__((unused)) const uint8_t *weights, __attribute__((unused)) int32_t quads,    \
      __attribute__((unused)) sqtvm_tile *tile) {                                               \
    __asm__ volatile("push {r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, lr}\n\t"                  \
                     "ldmia r3, {r8, r9, r10, r11}\n\t"                                        \
                     mask_low                                                                   \
                     "lsrs lr, r2, #2\n\t"                                                     \
                     "beq 2f\n"                                                                 \
                     "1:\n\t" four                                                             \
                     "subs lr, lr, #1\n\t"                                                     \
                     "bne 1b\n"                                                                 \
                     "2:\n\t"                                                                  \
                     "ldr r2, [sp]\n\t"                                                        \
                     "ands lr, r2, #3\n\t"                                                     \
                     "beq 4f\n\t"                                                              \
                     remainder_shift                                                            \
                     "3:\n\t" one                                                              \
                     "subs lr, lr, #1\n\t"                                                     \
                     "bne 3b\n"                                                                 \
                     "4:\n\t"                                                                  \
                     "ldr r3, [sp, #4]\n\t"                                                    \
                     "stmia r3, {r8, r9, r10, r11}\n\t"                                        \
                     "mov r0, r1\n\t"                                                          \
                     "add sp, sp, #8\n\t"                                                      \
                     "pop {r4, r5, r6, r7, r8, r9, r10, r11, pc}\n\t");                         \
  }

SQTVM_DOT2X2_FUNCTION(sqtvm_dot2x2_w8, "",
                      SQTVM_DOT2X2_QUAD8 SQTVM_DOT2X2_QUAD8 SQTVM_DOT2X2_QUAD8 SQTVM_DOT2X2_QUAD8,
                      SQTVM_DOT2X2_QUAD8, "")
SQTVM_DOT2X2_FUNCTION(sqtvm_dot2x2_w4, "mov r7, #0x000F000F\n\t",
                      SQTVM_DOT2X2_QUAD4 SQTVM_DOT2X2_QUAD4 SQTVM_DOT2X2_QUAD4 SQTVM_DOT2X2_QUAD4,
                      SQTVM_DOT2X2_QUAD4, "")
SQTVM_DOT2X2_FUNCTION(sqtvm_dot2x2_w2, "mov r7, #0x00030003\n\t",
                      SQTVM_DOT2X2_QUADS2 SQTVM_DOT2X2_QUADS2, SQTVM_DOT2X2_QUADS2,
                      "lsrs lr, lr, #1\n\t")

#endif

/* Adds the products of `quads` quads to the tile; returns the weights of the next two channels.
 * quads is even at 2 bits. */
SQTVM_INLINE const uint8_t *sqtvm_dot2x2(const int16_t *column, const uint8_t *weights,
                                         int32_t quads, int32_t bits, sqtvm_tile *tile) {
#if SQTVM_DSP
  if ((SQTVM_CONV2D_BITS & 8) && bits == 8) {
    return sqtvm_dot2x2_w8(column, weights, quads, tile);
  }
  if ((SQTVM_CONV2D_BITS & 4) && bits == 4) {
    return sqtvm_dot2x2_w4(column, weights, quads, tile);
  }
#if SQTVM_CONV2D_BITS & 2
  return sqtvm_dot2x2_w2(column, weights, quads, tile);
#else
  return weights;
#endif
#else
  return sqtvm_dot2x2_portable(column, weights, quads, bits, tile);
#endif
}

#endif
