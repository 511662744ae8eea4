/* Three output positions times all output channels, two at a time: the heart of conv2d.
 *
 * Packed weights of two channels, a quad at a time, offset-binary (weight + 2^(bits-1)) below
 * 8 bits; a word unpacks to two lanes by AND mask, word LSR #n:
 *
 *   8 bits: bytes c0k0 c1k0 c0k2 c1k2, then c0k1 c1k1 c0k3 c1k3: 2 words a quad
 *   4 bits: bit 0: c0k0, 4: c0k1, 8: c1k0, 12: c1k1, 16: c0k2, 20: c0k3, 24: c1k2, 28: c1k3
 *   2 bits: two quads a word, lane n of 2 bits at 2n and 16 + 2n, the order of lanes as above
 */
#ifndef SQTVM_TILE3X2_H
#define SQTVM_TILE3X2_H

#include "sqtvm/column.h"
#include "sqtvm/unroll.h"

/* One of these follows the head of the parameters for every two channels. */
typedef struct {
  int32_t bias[2];
  int32_t multiplier[2];
} sqtvm_channel_pair;

/* All of it words: the assembly finds them by their place. column_end: one past the last quad;
 * skipped: turns left out of the first round of the unrolled loop; y: of position A, from which
 * offset_b and offset_c lead to the others (0, or offset_b again, where there are none: A is
 * stored last); sums: what the weights' offset adds to each position, 0 at 8 bits. */
typedef struct {
  const uint8_t *weights;
  const int16_t *column;
  const int16_t *column_end;
  uint32_t skipped;
  const sqtvm_channel_pair *pair;
  const sqtvm_channel_pair *pair_end;
  int8_t *y;
  int32_t offset_b;
  int32_t offset_c;
  int32_t zero_point;
  int32_t sums[3];
  int32_t low;
  int32_t high;
  int32_t left_shift;
  uint32_t odd_channels;
} sqtvm_tile;

/* Weights of one quad as lanes: [half][channel][lane], in the order of the column. */
SQTVM_INLINE void sqtvm_tile_lanes(const uint8_t *weights, int32_t quad, int32_t bits,
                                   int32_t lanes[8]) {
  for (int32_t half = 0; half < 2; ++half) {
    for (int32_t channel = 0; channel < 2; ++channel) {
      int32_t *pair = lanes + 4 * half + 2 * channel;
      if (bits == 8) {
        const int8_t *bytes = (const int8_t *)weights + 8 * quad + 4 * half + channel;
        pair[0] = bytes[0];
        pair[1] = bytes[2];
      } else {
        const int32_t word_index = bits == 4 ? quad : quad / 2;
        const int32_t first = bits == 4 ? 0 : 8 * (quad % 2);
        const uint32_t word = sqtvm_load_word(weights + 4 * word_index);
        const uint32_t shift = (uint32_t)(first + bits * (2 * channel + half));
        const uint32_t mask = (1U << bits) - 1U;
        pair[0] = (int32_t)((word >> shift) & mask);
        pair[1] = (int32_t)((word >> (shift + 16U)) & mask);
      }
    }
  }
}

SQTVM_INLINE void sqtvm_tile_portable(sqtvm_tile tile, int32_t bits,
                                      sqtvm_requantization requantization) {
  const sqtvm_parameters head = {0, tile.zero_point, tile.low, tile.high};
  const int32_t offsets[3] = {0, tile.offset_b, tile.offset_c};
  const int32_t quads = (int32_t)(tile.column_end - tile.column) / SQTVM_COLUMN_QUAD;
  for (; tile.pair != tile.pair_end; ++tile.pair) {
    int32_t total[6];
    for (int32_t i = 0; i < 6; ++i) {
      total[i] = tile.pair->bias[i / 3] + tile.sums[i % 3];
    }
    for (int32_t quad = 0; quad < quads; ++quad) {
      const int16_t *column = tile.column + quad * SQTVM_COLUMN_QUAD;
      int32_t lanes[8];
      sqtvm_tile_lanes(tile.weights, quad, bits, lanes);
      for (int32_t i = 0; i < 6; ++i) {
        const int32_t *lane = lanes + 2 * (i / 3);
        const int16_t *values = column + 2 * (i % 3);
        total[i] += lane[0] * values[0] + lane[1] * values[1] + lane[4] * values[6] +
                    lane[5] * values[7];
      }
    }
    tile.weights += quads * bits;
    const int32_t alone = tile.odd_channels && tile.pair + 1 == tile.pair_end;
    for (int32_t position = 2; position >= 0; --position) {
      int8_t *y = tile.y + offsets[position];
      y[0] = sqtvm_requantize(total[position], tile.pair->multiplier[0], &head, requantization);
      if (!alone) {
        y[1] = sqtvm_requantize(total[3 + position], tile.pair->multiplier[1], &head,
                                requantization);
      }
    }
    tile.y += 2;
  }
}

#if SQTVM_DSP

/* GCC's own register allocation of the same loop costs half as much again. r0 walks the column,
 * r1 the weights; r2 to r4 are A, B and C, r5 to r7 their sums for channel 0, r8 to r10 those for
 * channel 1; packed weights are in r11 (and r12, which is the mask below 8 bits), lanes in lr. */
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

#define SQTVM_TILE_BIASES8                                                                      \
  "ldrd r5, r8, [lr]\n\t"                                                                       \
  "mov r6, r5\n\t"                                                                              \
  "mov r7, r5\n\t"                                                                              \
  "mov r9, r8\n\t"                                                                              \
  "mov r10, r8\n\t"

#define SQTVM_TILE_BIASES                                                                       \
  "ldrd r7, r10, [lr]\n\t"                                                                      \
  "ldrd r2, r3, [sp, #40]\n\t"                                                                  \
  "ldr r4, [sp, #48]\n\t"                                                                       \
  "add r5, r7, r2\n\t"                                                                          \
  "add r6, r7, r3\n\t"                                                                          \
  "add r7, r7, r4\n\t"                                                                          \
  "add r8, r10, r2\n\t"                                                                         \
  "add r9, r10, r3\n\t"                                                                         \
  "add r10, r10, r4\n\t"

/* Multipliers are in r3 and r4, lr is at the next pair. In the order in which a Cortex-M7 issues
 * multiplications beside saturations; the flags say whether a pair is left. */
#define SQTVM_TILE_FINISH                                                                       \
  "ldr r2, [sp, #36]\n\t"                                                                       \
  "str lr, [sp, #16]\n\t"                                                                       \
  "smmlar r7, r7, r3, r2\n\t"                                                                   \
  "smmlar r8, r8, r4, r2\n\t"                                                                   \
  "smmlar r9, r9, r4, r2\n\t"                                                                   \
  "smmlar r5, r5, r3, r2\n\t"                                                                   \
  "smmlar r10, r10, r4, r2\n\t"                                                                 \
  "ldr r0, [sp, #24]\n\t"                                                                       \
  "ldr r4, [sp, #20]\n\t"                                                                       \
  "smmlar r6, r6, r3, r2\n\t"                                                                   \
  "ldrd r2, r3, [sp, #28]\n\t"                                                                  \
  "ssat r6, #8, r6\n\t"                                                                         \
  "cmp lr, r4\n\t"                                                                              \
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
  "strb r8, [r0], #1\n\t"                                                                       \
  "str r0, [sp, #24]\n\t"

#define SQTVM_TILE_SHIFT                                                                        \
  "ldr r0, [sp, #60]\n\t"                                                                       \
  "lsl r5, r5, r0\n\t"                                                                          \
  "lsl r6, r6, r0\n\t"                                                                          \
  "lsl r7, r7, r0\n\t"                                                                          \
  "lsl r8, r8, r0\n\t"                                                                          \
  "lsl r9, r9, r0\n\t"                                                                          \
  "lsl r10, r10, r0\n\t"

#define SQTVM_TILE_FINISH_SHIFTED SQTVM_TILE_SHIFT SQTVM_TILE_FINISH

#define SQTVM_TILE_CLIP(value)                                                                  \
  "cmp " value ", r2\n\t"                                                                       \
  "it lt\n\t"                                                                                   \
  "movlt " value ", r2\n\t"                                                                     \
  "cmp " value ", r3\n\t"                                                                       \
  "it gt\n\t"                                                                                   \
  "movgt " value ", r3\n\t"

/* Any shift, any clip, and an odd number of channels: stops before the second of the last pair. */
#define SQTVM_TILE_FINISH_ANY                                                                   \
  SQTVM_TILE_SHIFT                                                                              \
  "ldr r2, [sp, #36]\n\t"                                                                       \
  "str lr, [sp, #16]\n\t"                                                                       \
  "smmlar r5, r5, r3, r2\n\t"                                                                   \
  "smmlar r6, r6, r3, r2\n\t"                                                                   \
  "smmlar r7, r7, r3, r2\n\t"                                                                   \
  "smmlar r8, r8, r4, r2\n\t"                                                                   \
  "smmlar r9, r9, r4, r2\n\t"                                                                   \
  "smmlar r10, r10, r4, r2\n\t"                                                                 \
  "ldrd r2, r3, [sp, #52]\n\t"                                                                  \
  SQTVM_TILE_CLIP("r5") SQTVM_TILE_CLIP("r6") SQTVM_TILE_CLIP("r7") SQTVM_TILE_CLIP("r8")       \
  SQTVM_TILE_CLIP("r9") SQTVM_TILE_CLIP("r10")                                                  \
  "ldr r0, [sp, #24]\n\t"                                                                       \
  "ldrd r2, r3, [sp, #28]\n\t"                                                                  \
  "strb r7, [r0, r3]\n\t"                                                                       \
  "strb r6, [r0, r2]\n\t"                                                                       \
  "strb r5, [r0], #1\n\t"                                                                       \
  "ldr r11, [sp, #20]\n\t"                                                                      \
  "ldr r4, [sp, #64]\n\t"                                                                       \
  "sub r11, r11, lr\n\t"                                                                        \
  "add r11, r11, #1\n\t"                                                                        \
  "cmp r4, r11\n\t"                                                                             \
  "beq 8f\n\t"                                                                                  \
  "strb r10, [r0, r3]\n\t"                                                                      \
  "strb r9, [r0, r2]\n\t"                                                                       \
  "strb r8, [r0], #1\n\t"                                                                       \
  "str r0, [sp, #24]\n\t"                                                                       \
  "ldr r4, [sp, #20]\n\t"                                                                       \
  "cmp lr, r4\n\t"

/* The whole loop over channels is one function a width, shared by every layer. The tile is
 * copied to sp, where the rest of it is in reach while r0 to r12 and lr are all taken. The first
 * round of the unrolled loop is entered as unroll.h says. */
#define SQTVM_TILE_FUNCTION(name, mask, biases, turn, finish)                                   \
  __attribute__((naked, noinline, unused)) static void name(                                    \
      __attribute__((unused)) const sqtvm_tile *tile) {                                         \
    __asm__ volatile("push {r4, r5, r6, r7, r8, r9, r10, r11, lr}\n\t"                          \
                     "sub sp, sp, #68\n\t"                                                      \
                     "mov r12, sp\n\t"                                                          \
                     "ldmia r0!, {r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11}\n\t"            \
                     "stmia r12!, {r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11}\n\t"           \
                     "ldmia r0, {r5, r6, r7, r8, r9, r10}\n\t"                                  \
                     "stmia r12, {r5, r6, r7, r8, r9, r10}\n\t"                                 \
                     "adr r2, 9f\n\t"                                                           \
                     "ldr r2, [r2, r4, lsl #2]\n\t"                                             \
                     "str r2, [sp, #12]\n\t" mask                                               \
                     "0:\n\t"                                                                   \
                     "ldr r0, [sp, #4]\n\t"                                                     \
                     "ldr lr, [sp, #16]\n\t" biases                                             \
                     "ldr pc, [sp, #12]\n"                                                      \
                     SQTVM_UNROLLED(turn)                                                       \
                     "ldr lr, [sp, #8]\n\t"                                                     \
                     "cmp r0, lr\n\t"                                                           \
                     "bne 10b\n\t"                                                              \
                     "ldr lr, [sp, #16]\n\t"                                                    \
                     "ldmia lr!, {r0, r2, r3, r4}\n\t"                                          \
                     finish                                                                     \
                     "bne 0b\n"                                                                 \
                     "8:\n\t"                                                                   \
                     "add sp, sp, #68\n\t"                                                      \
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

/* y = requantize(bias + sum + column times weights), for every pair of channels; the number of
 * quads is even at 2 bits. */
SQTVM_INLINE void sqtvm_tile3x2(const sqtvm_tile *tile, int32_t bits, int32_t odd_channels,
                                sqtvm_requantization requantization) {
#if SQTVM_DSP
  /* Compact kernels spare the flash of the functions for a shift without a clip. */
  const int32_t any =
      requantization.clips || odd_channels || (SQTVM_COMPACT && requantization.left_shift);
  const int32_t shifted = !SQTVM_COMPACT && requantization.left_shift;
  if ((SQTVM_CONV2D_BITS & 8) && bits == 8) {
    SQTVM_TILE_CALL(8)
  }
  if ((SQTVM_CONV2D_BITS & 4) && bits == 4) {
    SQTVM_TILE_CALL(4)
  }
  if ((SQTVM_CONV2D_BITS & 2) && bits == 2) {
    SQTVM_TILE_CALL(2)
  }
#else
  (void)odd_channels;
  sqtvm_tile_portable(*tile, bits, requantization);
#endif
}

#endif
