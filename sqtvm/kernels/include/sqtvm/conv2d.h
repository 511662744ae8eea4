/* Convolution, pointwise and grouped ones too: y = requantize(columns times weights). */
#ifndef SQTVM_CONV2D_H
#define SQTVM_CONV2D_H

#include "sqtvm/sums.h"
#include "sqtvm/tile2x4.h"
#include "sqtvm/tile3x2.h"
#include "sqtvm/window.h"
#if SQTVM_HELIUM
#include "sqtvm/helium_conv2d.h"
#endif

#define SQTVM_SHORT_QUADS 12
#define SQTVM_SHORT_TAILS 12

/* Whether two positions are made by four channels; compact kernels have one tile only. */
SQTVM_INLINE int32_t sqtvm_conv2d_in_fours(const sqtvm_conv2d_shape *shape) {
  return !SQTVM_COMPACT && shape->channel_block == 4;
}

/* Output positions that are made at a time. */
SQTVM_INLINE int32_t sqtvm_conv2d_positions(const sqtvm_conv2d_shape *shape) {
  return sqtvm_conv2d_in_fours(shape) ? 2 : 3;
}

/* What a convolution works in. gathered: a kernel row for each of three positions and one of zero
 * points; tails: three times what kernel rows leave over whole quads. */
typedef struct {
  int16_t *column;
  int8_t *gathered;
  int8_t *tails;
  sqtvm_window_sums window_sums;
} sqtvm_conv2d_scratch;

/* Values of a kernel row past its last whole quad, and bytes of those of a window in quads. */
SQTVM_INLINE int32_t sqtvm_conv2d_tail(const sqtvm_conv2d_shape *shape) {
  return shape->kernel_width * shape->in_channels % 4;
}

SQTVM_INLINE int32_t sqtvm_conv2d_tail_bytes(const sqtvm_conv2d_shape *shape) {
  return (shape->kernel_height * sqtvm_conv2d_tail(shape) + 3) / 4 * 4;
}

SQTVM_INLINE int32_t sqtvm_conv2d_pointwise(const sqtvm_conv2d_shape *shape) {
  return shape->in_channels == shape->pixel_stride && shape->in_channels % 4 == 0 &&
         shape->kernel_height == 1 && shape->kernel_width == 1 && shape->stride_height == 1 &&
         shape->stride_width == 1 && shape->out_height == shape->in_height &&
         shape->out_width == shape->in_width;
}

/* Whether windows overlap so much that their sums are kept running; else columns are summed. */
SQTVM_INLINE int32_t sqtvm_conv2d_keeps_sums(const sqtvm_conv2d_shape *shape) {
  return shape->weight_bits < 8 && shape->in_channels == shape->pixel_stride &&
         shape->in_channels % 4 == 0 && shape->kernel_width >= shape->stride_width &&
         shape->kernel_height * shape->kernel_width >
             2 * shape->stride_height * shape->stride_width;
}

/* What the sum of a window's activations is multiplied by to take the weights' offset back. */
SQTVM_INLINE int32_t sqtvm_conv2d_offset(const sqtvm_conv2d_shape *shape) {
  if (shape->weight_bits == 2 && sqtvm_conv2d_in_fours(shape)) {
    return 1;
  }
  return shape->weight_bits < 8 ? -(1 << (shape->weight_bits - 1)) : 0;
}

SQTVM_INLINE int16_t *sqtvm_conv2d_expand(int16_t *column, const sqtvm_window *window,
                                          sqtvm_scaled_sums sums,
                                          const sqtvm_conv2d_shape *shape) {
  return sqtvm_conv2d_in_fours(shape) ? sqtvm_expand_window2(column, window, sums)
                                      : sqtvm_expand_window(column, window, sums);
}

/* Kernel row `row` of one position to where the tails of that position are gathered. */
SQTVM_INLINE void sqtvm_conv2d_keep_tail(const int8_t *kernel_row, int32_t row, int8_t *tail,
                                         const sqtvm_conv2d_shape *shape) {
  const int32_t count = sqtvm_conv2d_tail(shape);
  const int32_t whole = shape->kernel_width * shape->in_channels - count;
  for (int32_t i = 0; i < count; ++i) {
    tail[row * count + i] = kernel_row[whole + i];
  }
}

/* Columns of which at least one reaches over the border, or whose pixels lie apart; one function
 * for all layers. */
__attribute__((noinline, unused)) static int16_t *sqtvm_conv2d_border(
    const int8_t *x, const sqtvm_corner corners[3], int32_t zero_point,
    const sqtvm_conv2d_scratch *work, const sqtvm_conv2d_shape *shape, sqtvm_scaled_sums sums) {
  const int32_t run = shape->kernel_width * shape->in_channels;
  const int32_t dense = shape->in_channels == shape->pixel_stride;
  int16_t *column = work->column;
  for (int32_t row = 0; row < shape->kernel_height; ++row) {
    const int8_t *from[3] = {NULL, NULL, NULL};
    for (int32_t i = 0; i < sqtvm_conv2d_positions(shape); ++i) {
      const int32_t y = corners[i].top + row;
      const int32_t left = corners[i].left;
      if (y < 0 || y >= shape->in_height) {
        from[i] = work->gathered + 3 * run;
      } else if (left < 0 || left + shape->kernel_width > shape->in_width || !dense) {
        from[i] = work->gathered + i * run;
        sqtvm_gather_row(x, y, left, zero_point, work->gathered + i * run, shape);
      } else {
        from[i] = x + (y * shape->in_width + left) * shape->in_channels;
      }
      sqtvm_conv2d_keep_tail(from[i], row, work->tails + i * sqtvm_conv2d_tail_bytes(shape),
                             shape);
    }
    const sqtvm_window window = {from[0], from[1], from[2], run / 4, 1, 0};
    column = sqtvm_conv2d_expand(column, &window, sums, shape);
  }
  return column;
}

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
  const int32_t whole = shape->kernel_width * shape->in_channels - tail;
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
  const int32_t tail = sqtvm_conv2d_tail(shape);
  const int32_t whole = shape->kernel_width * shape->in_channels - tail;
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
  const int32_t whole = shape->kernel_width * shape->in_channels - sqtvm_conv2d_tail(shape);
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

/* The columns of three output positions; sums: of their activations, times what the offset of
 * weights below 8 bits makes of them. */
SQTVM_SHARED void sqtvm_conv2d_columns(const int8_t *x, const sqtvm_corner corners[3],
                                       int32_t zero_point, sqtvm_conv2d_scratch *work,
                                       const sqtvm_conv2d_shape *shape, int32_t *sums) {
  const int32_t run = shape->kernel_width * shape->in_channels;
  const int32_t keeps_sums = sqtvm_conv2d_keeps_sums(shape);
  const sqtvm_scaled_sums column_sums = {shape->weight_bits < 8 && !keeps_sums ? sums : NULL,
                                         sqtvm_conv2d_offset(shape)};
  if (sqtvm_conv2d_pointwise(shape)) {
    const int8_t *from[3];
    for (int32_t i = 0; i < 3; ++i) {
      from[i] = x + (corners[i].top * shape->in_width + corners[i].left) * run;
    }
    const sqtvm_window window = {from[0], from[1], from[2], run / 4, 1, 0};
    (void)sqtvm_conv2d_expand(work->column, &window, column_sums, shape);
    return;
  }
  const int32_t tail_bytes = sqtvm_conv2d_tail_bytes(shape);
  int16_t *column;
  if (shape->in_channels == shape->pixel_stride && sqtvm_window_inside(corners[0], shape) &&
      sqtvm_window_inside(corners[1], shape) && sqtvm_window_inside(corners[2], shape)) {
    const int32_t line = shape->in_width * shape->in_channels;
#if SQTVM_DSP
    if (sqtvm_conv2d_is_short(shape)) {
      uint32_t *quad = (uint32_t *)(void *)work->column;
#pragma GCC unroll 1
      for (int32_t i = 0; i < sqtvm_conv2d_positions(shape); ++i) {
        const int8_t *from = x + corners[i].top * line + corners[i].left * shape->in_channels;
        sums[i] = sqtvm_conv2d_short_column(from, line, quad + i, sums[i], column_sums, shape);
      }
      return;
    }
#endif
    const int8_t *from[3] = {NULL, NULL, NULL};
    for (int32_t i = 0; i < sqtvm_conv2d_positions(shape); ++i) {
      from[i] = x + corners[i].top * line + corners[i].left * shape->in_channels;
      for (int32_t row = 0; row < shape->kernel_height; ++row) {
        sqtvm_conv2d_keep_tail(from[i] + row * line, row, work->tails + i * tail_bytes, shape);
      }
    }
    const sqtvm_window window = {
        from[0], from[1], from[2], run / 4, shape->kernel_height, line - run / 4 * 4};
    column = sqtvm_conv2d_expand(work->column, &window, column_sums, shape);
  } else {
    column = sqtvm_conv2d_border(x, corners, zero_point, work, shape, column_sums);
  }
  const sqtvm_window tails = {work->tails, work->tails + tail_bytes, work->tails + 2 * tail_bytes,
                              tail_bytes / 4, 1, 0};
  (void)sqtvm_conv2d_expand(column, &tails, column_sums, shape);
  if (keeps_sums) {
    for (int32_t i = 0; i < sqtvm_conv2d_positions(shape); ++i) {
      if (corners[i].row != work->window_sums.out_row) {
        sqtvm_window_sums_move(&work->window_sums, x, corners[i].row, zero_point, shape);
      }
      sums[i] = work->window_sums.totals[corners[i].column] * sqtvm_conv2d_offset(shape);
    }
  }
}

SQTVM_INLINE sqtvm_conv2d_scratch sqtvm_conv2d_work(uint8_t *scratch, int32_t zero_point,
                                                    const sqtvm_conv2d_shape *shape) {
  const int32_t run = shape->kernel_width * shape->in_channels;
  const int32_t keeps_sums = sqtvm_conv2d_keeps_sums(shape);
  const int32_t length = (shape->out_width - 1) * shape->stride_width + shape->kernel_width;
  int8_t *gathered = (int8_t *)scratch + shape->quads * 8 * sqtvm_conv2d_positions(shape);
  int8_t *tails = gathered + 4 * run;
  int32_t *pixels = (int32_t *)(void *)(tails + 3 * sqtvm_conv2d_tail_bytes(shape));
  int32_t *ring = pixels + (keeps_sums ? length : 0);
  int32_t *totals = ring + (keeps_sums ? shape->kernel_height * shape->out_width : 0);
  const sqtvm_conv2d_scratch work = {(int16_t *)(void *)scratch,
                                     gathered,
                                     tails,
                                     {pixels, ring, totals, 0, -2}};
  memset(gathered + 3 * run, zero_point, (uint32_t)run);
  /* Past the depth of the product weights are stored as 0; only sums need zeros there. */
  memset(tails, 0, (uint32_t)(3 * sqtvm_conv2d_tail_bytes(shape)));
  return work;
}

/* Three positions by two channels: weights as in tile3x2.h, an odd last channel with a pair of
 * zeros; parameters: a sqtvm_channel_pair for every two channels. */
SQTVM_INLINE void sqtvm_conv2d_pairs(const int8_t *x, const uint8_t *weights,
                                     const int32_t *parameters, int8_t *y, uint8_t *scratch,
                                     const sqtvm_conv2d_shape *shape,
                                     const sqtvm_requantization requantization) {
  const sqtvm_parameters head = sqtvm_head(parameters);
  const int32_t last = shape->out_height * shape->out_width - 1;
  const uint32_t turns = (uint32_t)(shape->weight_bits == 2 ? shape->quads / 2 : shape->quads);
  sqtvm_conv2d_scratch work = sqtvm_conv2d_work(scratch, head.input_zero_point, shape);
  const sqtvm_channel_pair *pairs = (const sqtvm_channel_pair *)(const void *)(parameters + 4);
  sqtvm_tile tile = {weights,
                     work.column,
                     work.column + shape->quads * SQTVM_COLUMN_QUAD,
                     sqtvm_skipped(turns),
                     pairs,
                     pairs + (shape->out_channels + 1) / 2,
                     y,
                     last > 0 ? shape->out_stride : 0,
                     (last > 1 ? 2 : last) * shape->out_stride,
                     head.output_zero_point,
                     {0, 0, 0},
                     head.low,
                     head.high,
                     requantization.left_shift,
                     (uint32_t)shape->out_channels & 1U};

  for (int32_t position = 0; position <= last; position += 3) {
    /* The last three positions again rather than fewer than three. */
    if (position + 2 > last && last >= 2) {
      position = last - 2;
    }
    const sqtvm_corner corners[3] = {sqtvm_corner_of(position, shape),
                                     sqtvm_corner_of(position + (last > 0 ? 1 : 0), shape),
                                     sqtvm_corner_of(position + (last > 1 ? 2 : last), shape)};
    tile.y = y + position * shape->out_stride;
    for (int32_t i = 0; i < 3; ++i) {
      tile.sums[i] = 0;
    }
    sqtvm_conv2d_columns(x, corners, head.input_zero_point, &work, shape, tile.sums);
    sqtvm_tile3x2(&tile, shape->weight_bits, shape->out_channels % 2, requantization);
  }
}

/* Rows of an even width, in which pairs stay: that spares divisions, and short columns inside of
 * the input need no corners. */
SQTVM_INLINE void sqtvm_conv2d_fours_in_rows(const int8_t *x, sqtvm_tile4 *tile,
                                             sqtvm_conv2d_scratch *work, int32_t zero_point,
                                             const sqtvm_conv2d_shape *shape,
                                             const sqtvm_requantization requantization) {
  for (int32_t row = 0; row < shape->out_height; ++row) {
    for (int32_t column = 0; column < shape->out_width; column += 2) {
      tile->sums[0] = 0;
      tile->sums[1] = 0;
      if (!sqtvm_conv2d_short_inside(x, row, column, (uint32_t *)(void *)work->column, tile->sums,
                                     shape)) {
        const sqtvm_corner second = sqtvm_corner_at(row, column + 1, shape);
        const sqtvm_corner corners[3] = {sqtvm_corner_at(row, column, shape), second, second};
        sqtvm_conv2d_columns(x, corners, zero_point, work, shape, tile->sums);
      }
      sqtvm_tile2x4(tile, shape->weight_bits, shape->round_quads, 0, requantization);
      tile->y += 2 * shape->out_stride;
    }
  }
}

/* Two positions by four channels, of which there are a multiple: weights as in tile2x4.h;
 * parameters: a sqtvm_channel_four for every four channels. */
SQTVM_INLINE void sqtvm_conv2d_fours(const int8_t *x, const uint8_t *weights,
                                     const int32_t *parameters, int8_t *y, uint8_t *scratch,
                                     const sqtvm_conv2d_shape *shape,
                                     const sqtvm_requantization requantization) {
  const sqtvm_parameters head = sqtvm_head(parameters);
  const int32_t positions = shape->out_height * shape->out_width;
  const sqtvm_channel_four *fours = (const sqtvm_channel_four *)(const void *)(parameters + 4);
  int16_t *column = (int16_t *)(void *)scratch;
  sqtvm_tile4 tile = {weights,
                      column,
                      column + shape->quads * SQTVM_COLUMN2_QUAD,
                      sqtvm_skipped_of((uint32_t)shape->quads - (shape->weight_bits > 2),
                                       (uint32_t)shape->round_quads),
                      fours,
                      fours + shape->out_channels / 4,
                      y,
                      shape->out_stride,
                      head.output_zero_point,
                      {0, 0},
                      x,
                      shape->in_channels,
                      positions / 2,
                      weights,
                      fours,
                      head.low,
                      head.high,
                      requantization.left_shift};
  if (sqtvm_conv2d_pointwise(shape)) {
    if (positions > 1) {
      sqtvm_tile2x4(&tile, shape->weight_bits, shape->round_quads, 1, requantization);
    }
    if (positions % 2) {
      /* The last position as both. */
      tile.x = x + (positions - 1) * shape->in_channels;
      tile.y = y + (positions - 1) * shape->out_stride;
      tile.run = 0;
      tile.offset_b = 0;
      tile.pairs = 1;
      sqtvm_tile2x4(&tile, shape->weight_bits, shape->round_quads, 1, requantization);
    }
    return;
  }
  sqtvm_conv2d_scratch work = sqtvm_conv2d_work(scratch, head.input_zero_point, shape);
  if (shape->out_width % 2 == 0) {
    sqtvm_conv2d_fours_in_rows(x, &tile, &work, head.input_zero_point, shape, requantization);
    return;
  }
  for (int32_t position = 0; position < positions; position += 2) {
    const int32_t last = position + 1 == positions;
    const sqtvm_corner second = sqtvm_corner_of(last ? position : position + 1, shape);
    const sqtvm_corner corners[3] = {sqtvm_corner_of(position, shape), second, second};
    tile.offset_b = last ? 0 : shape->out_stride;
    tile.sums[0] = 0;
    tile.sums[1] = 0;
    sqtvm_conv2d_columns(x, corners, head.input_zero_point, &work, shape, tile.sums);
    sqtvm_tile2x4(&tile, shape->weight_bits, shape->round_quads, 0, requantization);
    tile.y += 2 * shape->out_stride;
  }
}

/* x: int8 [in_height, in_width, channels]; weights: packed as channel_block says; parameters:
 * sqtvm_parameters, then biases, already without the input's zero point, and multipliers; scratch:
 * as long as convolution.py of the layouts says. */
SQTVM_INLINE void sqtvm_conv2d(const int8_t *x, const uint8_t *weights, const int32_t *parameters,
                               int8_t *y, uint8_t *scratch, const sqtvm_conv2d_shape *shape,
                               const sqtvm_requantization requantization) {
  if (sqtvm_conv2d_in_fours(shape)) {
    sqtvm_conv2d_fours(x, weights, parameters, y, scratch, shape, requantization);
    return;
  }
#if SQTVM_HELIUM
  sqtvm_helium_conv2d(x, weights, parameters, y, scratch, shape, requantization);
#else
  sqtvm_conv2d_pairs(x, weights, parameters, y, scratch, shape, requantization);
#endif
}

/* Groups side by side; weight_bytes and parameter_words: of one group. */
typedef struct {
  int32_t count;
  int32_t weight_bytes;
  int32_t parameter_words;
} sqtvm_groups;

/* Each group has weights and parameters (a head of its own too) after those of the one before. */
SQTVM_INLINE void sqtvm_grouped_conv2d(const int8_t *x, const uint8_t *weights,
                                       const int32_t *parameters, int8_t *y, uint8_t *scratch,
                                       const sqtvm_conv2d_shape *shape, const sqtvm_groups groups,
                                       const sqtvm_requantization requantization) {
  for (int32_t group = 0; group < groups.count; ++group) {
    sqtvm_conv2d(x, weights, parameters, y, scratch, shape, requantization);
    x += shape->in_channels;
    y += shape->out_channels;
    weights += groups.weight_bytes;
    parameters += groups.parameter_words;
  }
}

#endif
