/* Extents of a depthwise layer and how its taps are read. */
#ifndef SQTVM_DEPTHWISE_SHAPE_H
#define SQTVM_DEPTHWISE_SHAPE_H

#include "sqtvm/common.h"

/* Which kernel makes a layer where there is SMLAD and no Helium; depthwise.py of the layouts chooses.
 * Compact kernels know the first two only. */
enum {
  SQTVM_DEPTHWISE_PORTABLE,
  SQTVM_DEPTHWISE_STRIPS,
  SQTVM_DEPTHWISE_SMALL,
  SQTVM_DEPTHWISE_STRIDE2
};

/* pairs: of columns that the windows of a row reach over (depthwise_strip.h). */
typedef struct {
  int32_t in_height;
  int32_t in_width;
  int32_t channels;
  int32_t out_height;
  int32_t out_width;
  int32_t kernel_height;
  int32_t kernel_width;
  int32_t stride_height;
  int32_t stride_width;
  int32_t pad_top;
  int32_t pad_left;
  int32_t pairs;
  int32_t weight_bits;
  int32_t path;
} sqtvm_depthwise_shape;

SQTVM_INLINE int32_t sqtvm_depthwise_channel_bytes(const sqtvm_depthwise_shape *shape) {
  return (shape->kernel_height * shape->kernel_width * shape->weight_bits + 7) / 8;
}

SQTVM_INLINE int32_t sqtvm_packed_tap(const uint8_t *packed, int32_t index, int32_t bits) {
  const int32_t bit = index * bits;
  const uint32_t to_the_top = (uint32_t)packed[bit >> 3] << (32 - bits - (bit & 7));
  return (int32_t)to_the_top >> (32 - bits);
}

#endif
