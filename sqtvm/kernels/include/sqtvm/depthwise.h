/* Depthwise convolution: y[c] = requantize(windows of x[c] times the taps of c).
 *
 * Packed weights: kernel_height * kernel_width values a channel, row by row, lowest bits first, in
 * two's complement, each channel on a byte of its own.
 *
 * No path needs a value of a channel after it wrote over it, so that y may be x where overlap.py
 * of the layouts says so.
 */
#ifndef SQTVM_DEPTHWISE_H
#define SQTVM_DEPTHWISE_H

#include "sqtvm/common.h"
#include "sqtvm/depthwise_shape.h"

#if SQTVM_HELIUM
#include "sqtvm/helium_depthwise.h"
#elif SQTVM_DSP
#include "sqtvm/depthwise3x3.h"
#include "sqtvm/depthwise5x5.h"
#if !SQTVM_COMPACT
#include "sqtvm/depthwise_small.h"
/* Its instructions have extents in them, which the compiler must know. */
#ifdef __OPTIMIZE__
#include "sqtvm/depthwise_stride2.h"
#endif
#endif
#endif

/* Padded row `row` of a channel, as far as windows reach, as int16. */
SQTVM_INLINE void sqtvm_depthwise_row(const int8_t *x, int32_t row, int32_t zero_point,
                                      int16_t *to, const sqtvm_depthwise_shape *shape) {
  const int32_t y = row - shape->pad_top;
  const int32_t length = (shape->out_width - 1) * shape->stride_width + shape->kernel_width;
  for (int32_t i = 0; i < length; ++i) {
    const int32_t column = i - shape->pad_left;
    const int32_t inside =
        y >= 0 && y < shape->in_height && column >= 0 && column < shape->in_width;
    to[i] = (int16_t)(inside ? x[(y * shape->in_width + column) * shape->channels] : zero_point);
  }
}

/* Any kernel and stride: one channel at a time over a ring of kernel_height rows. */
SQTVM_INLINE void sqtvm_depthwise_portable(const int8_t *x, const uint8_t *weights,
                                           const int32_t *parameters, int8_t *y,
                                           uint8_t *scratch, const sqtvm_depthwise_shape *shape,
                                           const sqtvm_requantization requantization) {
  const sqtvm_parameters head = sqtvm_head(parameters);
  const sqtvm_channel *channel = sqtvm_channels(parameters);
  const int32_t count = shape->kernel_height * shape->kernel_width;
  const int32_t length = (shape->out_width - 1) * shape->stride_width + shape->kernel_width;
  int16_t *taps = (int16_t *)(void *)scratch;
  int16_t *ring = taps + count;
  for (int32_t c = 0; c < shape->channels; ++c) {
    const uint8_t *packed = weights + c * sqtvm_depthwise_channel_bytes(shape);
    for (int32_t tap = 0; tap < count; ++tap) {
      taps[tap] = (int16_t)sqtvm_packed_tap(packed, tap, shape->weight_bits);
    }
    int8_t *to = y + c;
    int32_t ready = 0;
    for (int32_t out_y = 0; out_y < shape->out_height; ++out_y) {
      const int32_t top = out_y * shape->stride_height;
      for (; ready < top + shape->kernel_height; ++ready) {
        sqtvm_depthwise_row(x + c, ready, head.input_zero_point,
                            ring + ready % shape->kernel_height * length, shape);
      }
      for (int32_t out_x = 0; out_x < shape->out_width; ++out_x) {
        int32_t accumulator = channel[c].bias;
        for (int32_t row = 0; row < shape->kernel_height; ++row) {
          const int16_t *values = ring + (top + row) % shape->kernel_height * length +
                                  out_x * shape->stride_width;
          for (int32_t column = 0; column < shape->kernel_width; ++column) {
            accumulator += values[column] * taps[row * shape->kernel_width + column];
          }
        }
        *to = sqtvm_requantize(accumulator, channel[c].multiplier, &head, requantization);
        to += shape->channels;
      }
    }
  }
}

/* x: int8 [in_height, in_width, channels]; weights: as above; parameters: as conv2d's; scratch: as
 * long as depthwise.py of the layouts says, on a word. */
SQTVM_INLINE void sqtvm_depthwise(const int8_t *x, const uint8_t *weights,
                                  const int32_t *parameters, int8_t *y, uint8_t *scratch,
                                  const sqtvm_depthwise_shape *shape,
                                  const sqtvm_requantization requantization) {
#if SQTVM_HELIUM
  sqtvm_helium_depthwise(x, weights, parameters, y, scratch, shape, requantization);
  return;
#elif SQTVM_DSP
#if !SQTVM_COMPACT
  if (shape->path == SQTVM_DEPTHWISE_SMALL) {
    sqtvm_depthwise_small(x, weights, parameters, y, shape, requantization);
    return;
  }
#ifdef __OPTIMIZE__
  if (shape->path == SQTVM_DEPTHWISE_STRIDE2) {
    sqtvm_depthwise_stride2(x, weights, parameters, y, shape, requantization);
    return;
  }
#endif
#endif
  if (shape->path == SQTVM_DEPTHWISE_STRIPS) {
    if (shape->kernel_width == 3) {
      sqtvm_depthwise_loop *loop =
          sqtvm_depthwise3x3_loop(shape->stride_height, requantization.clips,
                                  requantization.left_shift);
      sqtvm_depthwise3x3(x, weights, parameters, y, scratch, shape, loop,
                         requantization.left_shift);
    } else {
      sqtvm_depthwise5x5(x, weights, parameters, y, scratch, shape, requantization);
    }
    return;
  }
#endif
#if !SQTVM_HELIUM
  sqtvm_depthwise_portable(x, weights, parameters, y, scratch, shape, requantization);
#endif
}

#endif
