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

/* All of it words: the assembly finds them by their place. sums: what the weights' offset adds to
 * each position, 0 at 8 bits; y: of position A, from which offset_b and offset_c lead to the others
 * (0, or offset_b again, where there are none: A is stored last); column_end: one past the last
 * quad; skipped: turns left out of the first round of the unrolled loop. */
typedef struct {
  const int16_t *column;
  int32_t sums[3];
  const sqtvm_channel_pair *pair;
  int32_t zero_point;
  int8_t *y;
  int32_t offset_b;
  int32_t offset_c;
  const sqtvm_channel_pair *pair_end;
  const int16_t *column_end;
  const uint8_t *weights;
  int32_t low;
  int32_t high;
  int32_t left_shift;
  uint32_t odd_channels;
  uint32_t skipped;
} sqtvm_tile;

#if SQTVM_DSP
#include "sqtvm/tile3x2_dsp.h"
#endif

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
