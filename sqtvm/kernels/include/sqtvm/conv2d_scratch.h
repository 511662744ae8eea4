/* What a convolution works in, and what of it follows from its shape. */
#ifndef SQTVM_CONV2D_SCRATCH_H
#define SQTVM_CONV2D_SCRATCH_H

#include "sqtvm/sums.h"
#include "sqtvm/window.h"

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

/* Values of a kernel row past its last whole quad, those before, and bytes of the former of a
 * window in quads. */
SQTVM_INLINE int32_t sqtvm_conv2d_tail(const sqtvm_conv2d_shape *shape) {
  return shape->kernel_width * shape->in_channels % 4;
}

SQTVM_INLINE int32_t sqtvm_conv2d_whole(const sqtvm_conv2d_shape *shape) {
  return shape->kernel_width * shape->in_channels - sqtvm_conv2d_tail(shape);
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

#endif
