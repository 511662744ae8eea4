/* Maximum and average pooling over windows that may reach into the padding. */
#ifndef SQTVM_POOL_H
#define SQTVM_POOL_H

#include "sqtvm/common.h"

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
} sqtvm_pool_shape;

/* The part of a window that lies inside the input: first and one past the last. */
typedef struct {
  int32_t first;
  int32_t end;
} sqtvm_span;

SQTVM_INLINE sqtvm_span sqtvm_inside(int32_t start, int32_t length, int32_t extent) {
  const int32_t end = start + length;
  const sqtvm_span span = {start < 0 ? 0 : start, end > extent ? extent : end};
  return span;
}

/* parameters: low, high. Padding counts as -128. */
SQTVM_INLINE void sqtvm_max_pool2d(const int8_t *x, const int32_t *parameters, int8_t *y,
                                   const sqtvm_pool_shape shape) {
  for (int32_t out_y = 0; out_y < shape.out_height; ++out_y) {
    const sqtvm_span rows = sqtvm_inside(out_y * shape.stride_height - shape.pad_top,
                                         shape.kernel_height, shape.in_height);
    for (int32_t out_x = 0; out_x < shape.out_width; ++out_x) {
      const sqtvm_span columns = sqtvm_inside(out_x * shape.stride_width - shape.pad_left,
                                              shape.kernel_width, shape.in_width);
      for (int32_t channel = 0; channel < shape.channels; ++channel) {
        int32_t largest = -128;
        for (int32_t row = rows.first; row < rows.end; ++row) {
          const int8_t *value = x + (row * shape.in_width + columns.first) * shape.channels + channel;
          for (int32_t column = columns.first; column < columns.end; ++column) {
            largest = *value > largest ? *value : largest;
            value += shape.channels;
          }
        }
        *y++ = (int8_t)sqtvm_clip(largest, parameters[0], parameters[1]);
      }
    }
  }
}

/* parameters: sqtvm_parameters, then the multiplier. Padding counts as the zero point. */
SQTVM_INLINE void sqtvm_avg_pool2d(const int8_t *x, const int32_t *parameters, int8_t *y,
                                   const sqtvm_pool_shape shape,
                                   const sqtvm_requantization requantization) {
  const sqtvm_parameters head = sqtvm_head(parameters);
  for (int32_t out_y = 0; out_y < shape.out_height; ++out_y) {
    const sqtvm_span rows = sqtvm_inside(out_y * shape.stride_height - shape.pad_top,
                                         shape.kernel_height, shape.in_height);
    for (int32_t out_x = 0; out_x < shape.out_width; ++out_x) {
      const sqtvm_span columns = sqtvm_inside(out_x * shape.stride_width - shape.pad_left,
                                              shape.kernel_width, shape.in_width);
      const int32_t height = rows.end > rows.first ? rows.end - rows.first : 0;
      const int32_t width = columns.end > columns.first ? columns.end - columns.first : 0;
      for (int32_t channel = 0; channel < shape.channels; ++channel) {
        int32_t sum = -head.input_zero_point * height * width;
        for (int32_t row = rows.first; row < rows.end; ++row) {
          const int8_t *value = x + (row * shape.in_width + columns.first) * shape.channels + channel;
          for (int32_t column = columns.first; column < columns.end; ++column) {
            sum += *value;
            value += shape.channels;
          }
        }
        *y++ = sqtvm_requantize(sum, parameters[4], &head, requantization);
      }
    }
  }
}

#endif
