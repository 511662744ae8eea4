/* Quads: how activations wait for a matrix product.
 *
 * Four consecutive values k0..k3 become int16 in the order k0 k2 k1 k3, which is the order that
 * SXTB16 and SXTB16 ROR 8 give them in, so that a word pairs with a word of unpacked weights in
 * one SMLAD. A column pair holds two output positions A and B, a quad of A beside a quad of B:
 *
 *   int16:  A0 A2 | A1 A3 | B0 B2 | B1 B3   A4 A6 | A5 A7 | B4 ...
 */
#ifndef SQTVM_COLUMN_H
#define SQTVM_COLUMN_H

#include "sqtvm/common.h"

/* Where value k of a quad-ordered row stands; stride: int16 from a quad to the next. */
SQTVM_INLINE int32_t sqtvm_quad_index(int32_t k, int32_t stride) {
  return (k >> 2) * stride + (((k & 1) << 1) | ((k & 2) >> 1));
}

/* Expands count int8 values, a multiple of 4, to quads; returns their sum. */
SQTVM_INLINE int32_t sqtvm_expand_quads(const int8_t *values, int32_t count, int16_t *quads,
                                        int32_t stride, int32_t sums, int32_t sum) {
#pragma GCC unroll 4
  for (int32_t k = 0; k < count; k += 4) {
#if SQTVM_DSP
    const uint32_t word = sqtvm_load_word(values + k);
    const uint32_t even = sqtvm_sxtb16(word);
    const uint32_t odd = sqtvm_sxtb16_ror8(word);
    if (sums) {
      sum = sqtvm_smlad(even, 0x00010001U, sum);
      sum = sqtvm_smlad(odd, 0x00010001U, sum);
    }
    const uint32_t pair[2] = {even, odd};
    memcpy(__builtin_assume_aligned(quads, 8), pair, sizeof pair);
#else
    quads[0] = values[k];
    quads[1] = values[k + 2];
    quads[2] = values[k + 1];
    quads[3] = values[k + 3];
    if (sums) {
      sum += values[k] + values[k + 1] + values[k + 2] + values[k + 3];
    }
#endif
    quads += stride;
  }
  return sum;
}

/* Fills count values, a multiple of 4, with one value. */
SQTVM_INLINE void sqtvm_fill_quads(int32_t value, int32_t count, int16_t *quads, int32_t stride) {
  for (int32_t k = 0; k < count; k += 4) {
    quads[0] = (int16_t)value;
    quads[1] = (int16_t)value;
    quads[2] = (int16_t)value;
    quads[3] = (int16_t)value;
    quads += stride;
  }
}

#endif
