/* Where a convolution's windows stand in its input, and how those are read that reach over its
 * border or whose bytes lie apart. */
#ifndef SQTVM_WINDOW_H
#define SQTVM_WINDOW_H

#include "sqtvm/common.h"

/* Extents of one layer, all known when the call is generated. channels are of one group;
 * quads: of a padded column; pixel_stride: bytes between input positions; channel_block: how many
 * output channels have their weights side by side, 2 (tile3x2.h) or 4 (tile2x4.h, whose loop takes
 * round_quads quads a round). */
typedef struct {
  int32_t in_height;
  int32_t in_width;
  int32_t in_channels;
  int32_t pixel_stride;
  int32_t out_height;
  int32_t out_width;
  int32_t out_channels;
  int32_t out_stride;
  int32_t kernel_height;
  int32_t kernel_width;
  int32_t stride_height;
  int32_t stride_width;
  int32_t pad_top;
  int32_t pad_left;
  int32_t quads;
  int32_t weight_bits;
  int32_t channel_block;
  int32_t round_quads;
} sqtvm_conv2d_shape;

/* An output position, and the input position of its window's first value; that is outside of the
 * input where it is padded. */
typedef struct {
  int32_t row;
  int32_t column;
  int32_t top;
  int32_t left;
} sqtvm_corner;

SQTVM_INLINE sqtvm_corner sqtvm_corner_at(int32_t row, int32_t column,
                                          const sqtvm_conv2d_shape *shape) {
  const sqtvm_corner corner = {row, column, row * shape->stride_height - shape->pad_top,
                               column * shape->stride_width - shape->pad_left};
  return corner;
}

SQTVM_INLINE sqtvm_corner sqtvm_corner_of(int32_t position, const sqtvm_conv2d_shape *shape) {
  const int32_t row = (int32_t)((uint32_t)position / (uint32_t)shape->out_width);
  return sqtvm_corner_at(row, position - row * shape->out_width, shape);
}

SQTVM_INLINE int32_t sqtvm_window_inside(sqtvm_corner corner, const sqtvm_conv2d_shape *shape) {
  return corner.top >= 0 && corner.left >= 0 &&
         corner.top + shape->kernel_height <= shape->in_height &&
         corner.left + shape->kernel_width <= shape->in_width;
}

/* kernel_width pixels of input row y from column left on, side by side, with the zero point where
 * the input ends. */
SQTVM_INLINE void sqtvm_gather_row(const int8_t *x, int32_t y, int32_t left, int32_t zero_point,
                                   int8_t *to, const sqtvm_conv2d_shape *shape) {
  const int32_t channels = shape->in_channels;
  const int32_t dense = channels == shape->pixel_stride;
  const int32_t row_inside = y >= 0 && y < shape->in_height;
  const int8_t *from = x + (y * shape->in_width + left) * shape->pixel_stride;
  if (dense && row_inside && left >= 0 && left + shape->kernel_width <= shape->in_width) {
    memcpy(to, from, (uint32_t)(shape->kernel_width * channels));
    return;
  }
  for (int32_t i = left; i < left + shape->kernel_width; ++i) {
    if (row_inside && i >= 0 && i < shape->in_width) {
      memcpy(to, from, (uint32_t)channels);
    } else {
      memset(to, zero_point, (uint32_t)channels);
    }
    from += shape->pixel_stride;
    to += channels;
  }
}

#endif
