/* Columns so short that the code of each is written out, for cores with SMLAD and extents that are
 * constants of the compiler. */
#ifndef SQTVM_CONV2D_SHORT_H
#define SQTVM_CONV2D_SHORT_H

#include "sqtvm/column.h"
#include "sqtvm/conv2d_scratch.h"

#define SQTVM_SHORT_QUADS 12
#define SQTVM_SHORT_TAILS 12

/* Whether columns are so short that calling for each costs more than the code of one. */
SQTVM_INLINE int32_t sqtvm_conv2d_is_short(const sqtvm_conv2d_shape *shape) {
  const int32_t quads = shape->kernel_height * (shape->kernel_width * shape->in_channels / 4);
  return SQTVM_DSP && !SQTVM_COMPACT && quads <= SQTVM_SHORT_QUADS &&
         sqtvm_conv2d_tail_bytes(shape) <= SQTVM_SHORT_TAILS && !sqtvm_conv2d_keeps_sums(shape);
}

#if SQTVM_DSP

/* Four values, as SXTB16 takes them apart, to the place of their position in a quad. */
SQTVM_INLINE int32_t sqtvm_conv2d_store_quad(uint32_t even, uint32_t odd, uint32_t *quad,
                                             int32_t positions, int32_t sum,
                                             sqtvm_scaled_sums sums) {
  quad[0] = even;
  quad[positions] = odd;
  if (sums.sums) {
    const uint32_t factors = ((uint32_t)sums.factor & 0xFFFFU) * 0x00010001U;
    sum = sqtvm_smlad(odd, factors, sqtvm_smlad(even, factors, sum));
  }
  return sum;
}

/* What the kernel rows of one position leave over whole quads, to `quad` and the ones after it. */
SQTVM_INLINE int32_t sqtvm_conv2d_short_tails(const int8_t *x, int32_t line, uint32_t *quad,
                                              int32_t sum, sqtvm_scaled_sums sums,
                                              const sqtvm_conv2d_shape *shape) {
  const int32_t positions = sqtvm_conv2d_positions(shape);
  const int32_t tail = sqtvm_conv2d_tail(shape);
  const int32_t whole = sqtvm_conv2d_whole(shape);
#pragma GCC unroll 16
  for (int32_t k = 0; k < shape->kernel_height * tail; k += 4) {
    uint32_t value[4] = {0, 0, 0, 0};
#pragma GCC unroll 4
    for (int32_t i = 0; i < 4; ++i) {
      const int32_t place = k + i;
      if (place < shape->kernel_height * tail) {
        value[i] = (uint32_t)(int32_t)x[place / tail * line + whole + place % tail];
      }
    }
    sum = sqtvm_conv2d_store_quad(sqtvm_pkhbt16(value[0], value[2]),
                                  sqtvm_pkhbt16(value[1], value[3]), quad, positions, sum, sums);
    quad += 2 * positions;
  }
  return sum;
}

/* The column of one position inside of the input, `line` bytes from row to row, from `quad` on. */
SQTVM_INLINE int32_t sqtvm_conv2d_short_column(const int8_t *x, int32_t line, uint32_t *quad,
                                               int32_t sum, sqtvm_scaled_sums sums,
                                               const sqtvm_conv2d_shape *shape) {
  const int32_t positions = sqtvm_conv2d_positions(shape);
  const int32_t whole = sqtvm_conv2d_whole(shape);
#pragma GCC unroll 16
  for (int32_t row = 0; row < shape->kernel_height; ++row) {
#pragma GCC unroll 16
    for (int32_t k = 0; k < whole; k += 4) {
      const uint32_t word = sqtvm_load_word(x + row * line + k);
      sum = sqtvm_conv2d_store_quad(sqtvm_sxtb16(word), sqtvm_sxtb16_ror8(word), quad, positions,
                                    sum, sums);
      quad += 2 * positions;
    }
  }
  return sqtvm_conv2d_short_tails(x, line, quad, sum, sums, shape);
}

#endif

/* Makes the columns of two positions of a row, unless they are long or reach over the border. */
SQTVM_INLINE int32_t sqtvm_conv2d_short_inside(const int8_t *x, int32_t row, int32_t column,
                                               uint32_t *quad, int32_t *sums,
                                               const sqtvm_conv2d_shape *shape) {
  const sqtvm_corner corner = sqtvm_corner_at(row, column, shape);
  if (!sqtvm_conv2d_is_short(shape) || shape->in_channels != shape->pixel_stride ||
      corner.top < 0 || corner.top + shape->kernel_height > shape->in_height || corner.left < 0 ||
      corner.left + shape->stride_width + shape->kernel_width > shape->in_width) {
    return 0;
  }
#if SQTVM_DSP
  const int32_t line = shape->in_width * shape->in_channels;
  const int32_t step = shape->stride_width * shape->in_channels;
  const int8_t *from = x + corner.top * line + corner.left * shape->in_channels;
  const sqtvm_scaled_sums scaled = {shape->weight_bits < 8 ? sums : NULL,
                                    sqtvm_conv2d_offset(shape)};
  const int32_t whole = sqtvm_conv2d_whole(shape);
  int32_t sum[2] = {0, 0};
#pragma GCC unroll 16
  for (int32_t y = 0; y < shape->kernel_height; ++y) {
    /* Loads stand together, because a Cortex-M4 pipelines them. */
    uint32_t words[2 * SQTVM_SHORT_QUADS];
#pragma GCC unroll 16
    for (int32_t k = 0; k < whole / 2; k += 2) {
      words[k] = sqtvm_load_word(from + y * line + 2 * k);
      words[k + 1] = sqtvm_load_word(from + y * line + 2 * k + step);
    }
#pragma GCC unroll 32
    for (int32_t k = 0; k < whole / 2; ++k) {
      const uint32_t even = sqtvm_sxtb16(words[k]);
      const uint32_t odd = sqtvm_sxtb16_ror8(words[k]);
      sum[k % 2] = sqtvm_conv2d_store_quad(even, odd, quad, 2, sum[k % 2], scaled);
      quad += k % 2 ? 3 : 1;
    }
  }
  for (int32_t i = 0; i < 2; ++i) {
    sums[i] = sqtvm_conv2d_short_tails(from + i * step, line, quad + i, sum[i], scaled, shape);
  }
#else
  (void)x;
  (void)quad;
  (void)sums;
#endif
  return 1;
}

#endif
