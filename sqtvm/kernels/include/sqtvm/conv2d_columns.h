/* How the windows of a convolution become columns. */
#ifndef SQTVM_CONV2D_COLUMNS_H
#define SQTVM_CONV2D_COLUMNS_H

#include "sqtvm/column.h"
#include "sqtvm/column2.h"
#include "sqtvm/conv2d_short.h"

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
  const int32_t whole = sqtvm_conv2d_whole(shape);
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

#endif
