/* Convolution, pointwise and grouped ones too: y = requantize(columns times weights). */
#ifndef SQTVM_CONV2D_H
#define SQTVM_CONV2D_H

#include "sqtvm/sums.h"
#include "sqtvm/tile3x2.h"
#include "sqtvm/window.h"

/* What a convolution works in. gathered: three windows' bytes where kernel rows are not whole
 * quads of the input, else three kernel rows and one of zero points. */
typedef struct {
  int16_t *column;
  int8_t *gathered;
  sqtvm_row_sums row_sums;
} sqtvm_conv2d_scratch;

/* Whether each kernel row is whole quads that stand side by side in the input. */
SQTVM_INLINE int32_t sqtvm_conv2d_by_rows(const sqtvm_conv2d_shape *shape) {
  return shape->in_channels == shape->pixel_stride &&
         shape->in_channels * shape->kernel_width % 4 == 0;
}

SQTVM_INLINE int32_t sqtvm_conv2d_pointwise(const sqtvm_conv2d_shape *shape) {
  return sqtvm_conv2d_by_rows(shape) && shape->kernel_height == 1 && shape->kernel_width == 1 &&
         shape->stride_height == 1 && shape->stride_width == 1 &&
         shape->out_height == shape->in_height && shape->out_width == shape->in_width;
}

/* Columns of which at least one reaches over the border; one function for all layers. */
__attribute__((noinline, unused)) static void sqtvm_conv2d_border(
    const int8_t *x, const sqtvm_corner corners[3], int32_t zero_point,
    const sqtvm_conv2d_scratch *scratch, const sqtvm_conv2d_shape *shape) {
  const int32_t run = shape->kernel_width * shape->in_channels;
  int16_t *column = scratch->column;
  for (int32_t row = 0; row < shape->kernel_height; ++row) {
    const int8_t *from[3];
    for (int32_t i = 0; i < 3; ++i) {
      const int32_t y = corners[i].top + row;
      const int32_t left = corners[i].left;
      if (y < 0 || y >= shape->in_height) {
        from[i] = scratch->gathered + 3 * run;
      } else if (left < 0 || left + shape->kernel_width > shape->in_width) {
        from[i] = scratch->gathered + i * run;
        sqtvm_gather_row(x, y, left, zero_point, scratch->gathered + i * run, shape);
      } else {
        from[i] = x + (y * shape->in_width + left) * shape->in_channels;
      }
    }
    const sqtvm_window window = {from[0], from[1], from[2], run / 4, 1, 0};
    column = sqtvm_expand3(column, &window);
  }
}

/* The columns of three output positions; sums: of their activations, below 8 bits. */
SQTVM_SHARED void sqtvm_conv2d_columns(const int8_t *x, const int32_t positions[3],
                                       int32_t zero_point, sqtvm_conv2d_scratch *scratch,
                                       const sqtvm_conv2d_shape *shape, int32_t sums[3]) {
  const int32_t run = shape->kernel_width * shape->in_channels;
  const int32_t needs_sums = shape->weight_bits < 8;
  if (sqtvm_conv2d_pointwise(shape)) {
    const sqtvm_window window = {x + positions[0] * run, x + positions[1] * run,
                                 x + positions[2] * run, run / 4, 1, 0};
    (void)sqtvm_expand3(scratch->column, &window);
    if (needs_sums) {
      sums[0] = sqtvm_sum(window.a, run);
      sums[1] = sqtvm_sum(window.b, run);
      sums[2] = sqtvm_sum(window.c, run);
    }
    return;
  }
  const sqtvm_corner corners[3] = {sqtvm_corner_of(positions[0], shape),
                                   sqtvm_corner_of(positions[1], shape),
                                   sqtvm_corner_of(positions[2], shape)};
  if (sqtvm_conv2d_by_rows(shape)) {
    if (sqtvm_window_inside(corners[0], shape) && sqtvm_window_inside(corners[1], shape) &&
        sqtvm_window_inside(corners[2], shape)) {
      const int32_t line = shape->in_width * shape->in_channels;
      const sqtvm_window window = {
          x + corners[0].top * line + corners[0].left * shape->in_channels,
          x + corners[1].top * line + corners[1].left * shape->in_channels,
          x + corners[2].top * line + corners[2].left * shape->in_channels,
          run / 4,
          shape->kernel_height,
          line - run};
      (void)sqtvm_expand3(scratch->column, &window);
    } else {
      sqtvm_conv2d_border(x, corners, zero_point, scratch, shape);
    }
    if (needs_sums) {
      for (int32_t i = 0; i < 3; ++i) {
        sums[i] = sqtvm_window_sum(&scratch->row_sums, x, positions[i], zero_point, shape);
      }
    }
    return;
  }
  const int32_t bytes = shape->quads * 4;
  const sqtvm_window window = {scratch->gathered, scratch->gathered + bytes,
                               scratch->gathered + 2 * bytes, shape->quads, 1, 0};
#pragma GCC unroll 1
  for (int32_t i = 0; i < 3; ++i) {
    sqtvm_gather_window(x, corners[i], zero_point, scratch->gathered + i * bytes, shape);
    if (needs_sums) {
      sums[i] = sqtvm_sum(scratch->gathered + i * bytes, bytes);
    }
  }
  (void)sqtvm_expand3(scratch->column, &window);
}

/* x: int8 [in_height, in_width, channels]; weights: packed as in tile3x2.h, channels in pairs, an
 * odd last one with a pair of zeros; parameters: sqtvm_parameters, then a sqtvm_channel a channel
 * (even count), their biases already without the input's zero point; scratch: as long as
 * convolution.py of the layouts says. */
SQTVM_INLINE void sqtvm_conv2d(const int8_t *x, const uint8_t *weights, const int32_t *parameters,
                               int8_t *y, uint8_t *scratch, const sqtvm_conv2d_shape *shape,
                               const sqtvm_requantization requantization) {
  const sqtvm_parameters head = sqtvm_head(parameters);
  const int32_t run = shape->kernel_width * shape->in_channels;
  const int32_t by_rows = sqtvm_conv2d_by_rows(shape);
  const int32_t column_bytes = shape->quads * 24;
  const int32_t gathered_bytes = by_rows ? run * 4 : shape->quads * 12;
  const int32_t last = shape->out_height * shape->out_width - 1;
  const int32_t offset = shape->weight_bits < 8 ? -(1 << (shape->weight_bits - 1)) : 0;
  const uint32_t turns = (uint32_t)(shape->weight_bits == 2 ? shape->quads / 2 : shape->quads);
  sqtvm_conv2d_scratch work = {
      (int16_t *)(void *)scratch,
      (int8_t *)scratch + column_bytes,
      {(int32_t *)(void *)(scratch + column_bytes + gathered_bytes),
       (shape->out_width - 1) * shape->stride_width + shape->kernel_width, 0}};
  sqtvm_tile tile = {weights,
                     work.column,
                     work.column + shape->quads * SQTVM_COLUMN_QUAD,
                     (0U - turns) & 3U,
                     sqtvm_channels(parameters),
                     sqtvm_channels(parameters) + (shape->out_channels + 1) / 2 * 2,
                     y,
                     last > 0 ? shape->out_stride : 0,
                     (last > 1 ? 2 : last) * shape->out_stride,
                     head.output_zero_point,
                     {0, 0, 0},
                     head.low,
                     head.high,
                     requantization.left_shift,
                     (uint32_t)shape->out_channels & 1U};

  /* Past the depth of the product weights are stored as 0, so only sums need zeros there. */
  if (by_rows) {
    memset(work.gathered + 3 * run, head.input_zero_point, (uint32_t)run);
  } else {
    memset(work.gathered, 0, (uint32_t)gathered_bytes);
  }
  for (int32_t position = 0; position <= last; position += 3) {
    /* The last three positions again rather than fewer than three. */
    if (position + 2 > last && last >= 2) {
      position = last - 2;
    }
    const int32_t positions[3] = {position, position + (last > 0 ? 1 : 0),
                                  position + (last > 1 ? 2 : last)};
    int32_t sums[3] = {0, 0, 0};
    tile.y = y + position * shape->out_stride;
    sqtvm_conv2d_columns(x, positions, head.input_zero_point, &work, shape, sums);
    if (shape->weight_bits < 8) {
      for (int32_t i = 0; i < 3; ++i) {
        tile.sums[i] = offset * sums[i];
      }
    }
    sqtvm_tile3x2(&tile, shape->weight_bits, shape->out_channels % 2, requantization);
  }
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
