/* Two output positions times all output channels, four at a time: the heart of conv2d on cores that
 * have SMLAD and issue one instruction at a time, and at 2 bits on those that issue two.
 *
 * Weights of four channels c0..c3 are folded: a lane of 16 bits is the sum of scale[c] * weight[c]
 * of one k. compile/layouts/folding.py says which weights can be folded.
 *
 *   8 bits, 4 words a quad: words of c0 c1 and c2 c3 of k0 k2, then of k1 k3; lane c0 + 256 c1
 *   4 bits, 2 words a quad: a word of k0 k2, one of k1 k3; lane o0 + 16 o1 + 256 o2 + 4096 c3
 *   2 bits, 1 word a quad, which turned by 0, 4, 8 and 12 bits has in the bits 0, 1, 14 and 15 of
 *   its lanes those of 8 bits; lane u0 + 2^14 c1
 *
 * where o is a weight plus 8 and u is 1 less a weight. At 8 and 4 bits one SMLAD of the lane as it
 * is makes c3 (c1 and c3) together with the others, which are then subtracted. At 2 bits one SMLAD
 * makes two channels; the sum's low 14 bits are taken out before more products might fill them.
 * A quad of the column is 16 bytes:
 *
 *   int16:  A0 A2 | B0 B2 | A1 A3 | B1 B3
 */
#ifndef SQTVM_TILE2X4_H
#define SQTVM_TILE2X4_H

#include "sqtvm/column2.h"

/* Of the unrolled loop, on every core: products of as many quads fit the low 14 bits at 2 bits. */
#define SQTVM_TILE4_TURNS 8U

/* One of these follows the head of the parameters for every four channels. */
typedef struct {
  int32_t bias[4];
  int32_t multiplier[4];
} sqtvm_channel_four;

/* All of it words: the assembly finds them by their place. column_end: one past the last quad;
 * skipped: turns left out of the first round of the unrolled loop (which at 8 and 4 bits begins
 * with the second quad, so that there are at least two); y: of position A, from which
 * offset_b leads to B (0 where there is none); sums: what the weights' offset adds to each
 * position. What follows is for pointwise layers, which go on to further positions: x: of
 * position A; run: bytes from it to B; pairs: of positions to come; first_weights, first_four. */
typedef struct {
  const uint8_t *weights;
  int16_t *column;
  const int16_t *column_end;
  uint32_t skipped;
  const sqtvm_channel_four *four;
  const sqtvm_channel_four *four_end;
  int8_t *y;
  int32_t offset_b;
  int32_t zero_point;
  int32_t sums[2];
  const int8_t *x;
  int32_t run;
  int32_t pairs;
  const uint8_t *first_weights;
  const sqtvm_channel_four *first_four;
  int32_t low;
  int32_t high;
  int32_t left_shift;
} sqtvm_tile4;

#if SQTVM_DSP

#include "sqtvm/tile2x4_dsp.h"

/* As the finish asks: `name` is a function for each. */
#define SQTVM_TILE4_FINISHES(name, width) \
  if (requantization.clips) {             \
    name##_clipped_w##width(tile);        \
  } else if (requantization.left_shift) { \
    name##_shifted_w##width(tile);        \
  } else {                                \
    name##_w##width(tile);                \
  }

#define SQTVM_TILE4_CALL(width)                   \
  if (pointwise) {                                \
    SQTVM_TILE4_FINISHES(sqtvm_pointwise4, width) \
  } else {                                        \
    SQTVM_TILE4_FINISHES(sqtvm_tile4, width)      \
  }

#else

/* Weight c of four at k of a quad, unfolded. */
SQTVM_INLINE int32_t sqtvm_tile4_weight(const uint8_t *quad, int32_t k, int32_t c, int32_t bits) {
  const int32_t half = k % 2;
  const int32_t lane = k / 2;
  if (bits == 2) {
    const int32_t at = (16 * lane + 14 * (c % 2) + 8 * half + 4 * (c / 2)) % 32;
    const int32_t stored = (quad[at / 8] >> (at % 8)) & 3;
    return c % 2 ? stored - 2 * (stored & 2) : 1 - stored;
  }
  const uint8_t *at = quad + (bits == 8 ? 8 * half + 4 * (c / 2) : 4 * half) + 2 * lane;
  const int32_t folded = (int16_t)(uint16_t)(at[0] | at[1] << 8);
  if (bits == 8) {
    const int32_t even = (int8_t)at[0];
    return c % 2 ? (folded - even) / 256 : even;
  }
  const uint32_t nibble = ((uint32_t)folded >> (4 * c)) & 15U;
  return c == 3 ? folded >> 12 : (int32_t)nibble - 8;
}

SQTVM_INLINE void sqtvm_tile4_portable(sqtvm_tile4 tile, int32_t bits,
                                       sqtvm_requantization requantization) {
  const sqtvm_parameters head = {0, tile.zero_point, tile.low, tile.high};
  const int32_t quads = (int32_t)(tile.column_end - tile.column) / SQTVM_COLUMN2_QUAD;
  static const int32_t places[4] = {0, 4, 1, 5};
  for (; tile.four != tile.four_end; ++tile.four) {
    for (int32_t i = 0; i < 8; ++i) {
      const int32_t position = i / 4;
      int32_t total = tile.four->bias[i % 4];
      for (int32_t k = 0; k < 4 * quads; ++k) {
        const int16_t *values = tile.column + k / 4 * SQTVM_COLUMN2_QUAD + 2 * position;
        total += sqtvm_tile4_weight(tile.weights + k / 4 * (2 * bits), k % 4, i % 4, bits) *
                 values[places[k % 4]];
      }
      tile.y[position * tile.offset_b + i % 4] =
          sqtvm_requantize(total, tile.four->multiplier[i % 4], &head, requantization);
    }
    tile.weights += quads * (2 * bits);
    tile.y += 4;
  }
}

SQTVM_INLINE void sqtvm_pointwise4_portable(sqtvm_tile4 tile, int32_t bits,
                                            sqtvm_requantization requantization) {
  const int32_t quads = (int32_t)(tile.column_end - tile.column) / SQTVM_COLUMN2_QUAD;
  for (; tile.pairs > 0; --tile.pairs) {
    const sqtvm_window window = {tile.x, tile.x + tile.run, NULL, quads, 1, 0};
    (void)sqtvm_expand2(tile.column, &window);
    sqtvm_tile4_portable(tile, bits, requantization);
    tile.x += 2 * tile.run;
    tile.y += 2 * tile.offset_b;
  }
}

#endif

/* y = requantize(bias + sum + column times weights), for every four channels; pointwise: for every
 * pair of positions, whose columns and sums are made here. */
SQTVM_INLINE void sqtvm_tile2x4(const sqtvm_tile4 *tile, int32_t bits, int32_t round_quads,
                                int32_t pointwise, sqtvm_requantization requantization) {
#if SQTVM_DSP
  if (bits == 8) {
    SQTVM_TILE4_CALL(8)
  } else if (bits == 4) {
    SQTVM_TILE4_CALL(4)
  } else if (round_quads == SQTVM_TILE4_TURNS) {
    SQTVM_TILE4_CALL(2)
  } else {
    SQTVM_TILE4_CALL(2of5)
  }
#else
  (void)round_quads;
  if (pointwise) {
    sqtvm_pointwise4_portable(*tile, bits, requantization);
  } else {
    sqtvm_tile4_portable(*tile, bits, requantization);
  }
#endif
}

#endif
