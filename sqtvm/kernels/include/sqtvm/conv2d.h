/* Convolution, pointwise and grouped ones too: y = requantize(columns times weights). */
#ifndef SQTVM_CONV2D_H
#define SQTVM_CONV2D_H

#include "sqtvm/conv2d_columns.h"
#include "sqtvm/tile2x4.h"
#include "sqtvm/tile3x2.h"
#if SQTVM_HELIUM
#include "sqtvm/helium_conv2d.h"
#endif

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
  sqtvm_tile tile = {work.column,
                     {0, 0, 0},
                     pairs,
                     head.output_zero_point,
                     y,
                     last > 0 ? shape->out_stride : 0,
                     (last > 1 ? 2 : last) * shape->out_stride,
                     pairs + (shape->out_channels + 1) / 2,
                     work.column + shape->quads * SQTVM_COLUMN_QUAD,
                     weights,
                     head.low,
                     head.high,
                     requantization.left_shift,
                     (uint32_t)shape->out_channels & 1U,
                     sqtvm_skipped(turns)};

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
                                       (uint32_t)shape->round_quads, SQTVM_TILE4_TURNS),
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
