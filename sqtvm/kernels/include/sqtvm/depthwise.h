/* Depthwise convolution: one channel at a time over a padded int16 plane of that channel.
 *
 * De-interleaving a channel costs two instructions a value and buys rows in which neighbouring
 * values share a word, so that SMLAD takes two taps at once and no border needs a test.
 * Packed weights: kernel_height * kernel_width values a channel, row by row, lowest bits first,
 * offset-binary below 8 bits, each channel on a byte of its own.
 */
#ifndef SQTVM_DEPTHWISE_H
#define SQTVM_DEPTHWISE_H

#include "sqtvm/common.h"

/* plane_width: int16 a row of the plane, even, at least what the last window reads. */
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
  int32_t plane_height;
  int32_t plane_width;
  int32_t weight_bits;
} sqtvm_depthwise_shape;

SQTVM_INLINE int32_t sqtvm_packed_value(const uint8_t *packed, int32_t index, int32_t bits) {
  if (bits == 8) {
    return ((const int8_t *)packed)[index];
  }
  const int32_t bit = index * bits;
  const int32_t lane = (packed[bit >> 3] >> (bit & 7)) & ((1 << bits) - 1);
  return lane - (1 << (bits - 1));
}

/* One channel into the plane; the border holds the zero point already. */
SQTVM_INLINE void sqtvm_depthwise_plane(const int8_t *x, int16_t *plane,
                                        const sqtvm_depthwise_shape *shape) {
  int16_t *row = plane + shape->pad_top * shape->plane_width + shape->pad_left;
  for (int32_t y = 0; y < shape->in_height; ++y) {
#pragma GCC unroll 4
    for (int32_t i = 0; i < shape->in_width; ++i) {
      row[i] = *x;
      x += shape->channels;
    }
    row += shape->plane_width;
  }
}

#if SQTVM_DSP

#define SQTVM_SMLA(name)                                                              \
  SQTVM_INLINE int32_t sqtvm_##name(uint32_t a, uint32_t b, int32_t accumulator) {    \
    int32_t result;                                                                   \
    __asm__(#name " %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(accumulator) \
            : "cc");                                                                  \
    return result;                                                                    \
  }
SQTVM_SMLA(smlabb)
SQTVM_SMLA(smlabt)
SQTVM_SMLA(smlatb)

SQTVM_INLINE uint32_t sqtvm_halves(int32_t low, int32_t high) {
  return ((uint32_t)low & 0xFFFFU) | ((uint32_t)high << 16);
}

/* 3x3, stride 1: two neighbouring outputs share the words of each row. */
SQTVM_INLINE void sqtvm_depthwise3x3(const int16_t *plane, const uint8_t *packed, int8_t *y,
                                     const sqtvm_channel channel, const sqtvm_parameters *head,
                                     const sqtvm_depthwise_shape *shape,
                                     sqtvm_requantization requantization) {
  uint32_t w01[3];
  uint32_t w12[3];
  for (int32_t row = 0; row < 3; ++row) {
    const int32_t w0 = sqtvm_packed_value(packed, 3 * row, shape->weight_bits);
    const int32_t w1 = sqtvm_packed_value(packed, 3 * row + 1, shape->weight_bits);
    const int32_t w2 = sqtvm_packed_value(packed, 3 * row + 2, shape->weight_bits);
    w01[row] = sqtvm_halves(w0, w1);
    w12[row] = sqtvm_halves(w1, w2);
  }
  const int32_t columns = shape->stride_width == 1 ? 2 : 1;
  for (int32_t out_y = 0; out_y < shape->out_height; ++out_y) {
    const int16_t *top = plane + out_y * shape->stride_height * shape->plane_width;
    for (int32_t out_x = 0; out_x < shape->out_width; out_x += columns) {
      int32_t first = channel.bias;
      int32_t second = channel.bias;
#pragma GCC unroll 3
      for (int32_t row = 0; row < 3; ++row) {
        const int16_t *values = top + row * shape->plane_width;
        uint32_t pair[2];
        memcpy(pair, __builtin_assume_aligned(values, 4), sizeof pair);
        first = sqtvm_smlad(pair[0], w01[row], first);
        first = sqtvm_smlabt(pair[1], w12[row], first);
        if (columns == 2) {
          second = sqtvm_smlatb(pair[0], w01[row], second);
          second = sqtvm_smlad(pair[1], w12[row], second);
        }
      }
      *y = sqtvm_requantize(first, channel.multiplier, head, requantization);
      y += shape->channels;
      if (columns == 2 && out_x + 1 < shape->out_width) {
        *y = sqtvm_requantize(second, channel.multiplier, head, requantization);
        y += shape->channels;
      }
      top += 2;
    }
  }
}

#endif

SQTVM_INLINE void sqtvm_depthwise_any(const int16_t *plane, const uint8_t *packed, int8_t *y,
                                      const sqtvm_channel channel, const sqtvm_parameters *head,
                                      const sqtvm_depthwise_shape *shape, int16_t *taps,
                                      sqtvm_requantization requantization) {
  const int32_t count = shape->kernel_height * shape->kernel_width;
  for (int32_t tap = 0; tap < count; ++tap) {
    taps[tap] = (int16_t)sqtvm_packed_value(packed, tap, shape->weight_bits);
  }
  for (int32_t out_y = 0; out_y < shape->out_height; ++out_y) {
    const int16_t *top = plane + out_y * shape->stride_height * shape->plane_width;
    for (int32_t out_x = 0; out_x < shape->out_width; ++out_x) {
      int32_t accumulator = channel.bias;
      const int16_t *weight = taps;
      for (int32_t row = 0; row < shape->kernel_height; ++row) {
        const int16_t *values = top + row * shape->plane_width;
        for (int32_t column = 0; column < shape->kernel_width; ++column) {
          accumulator += values[column] * *weight++;
        }
      }
      *y = sqtvm_requantize(accumulator, channel.multiplier, head, requantization);
      y += shape->channels;
      top += shape->stride_width;
    }
  }
}

/* x: int8 [in_height, in_width, channels]; weights: as above; parameters: as conv2d's; scratch:
 * the plane, then an int16 a tap. */
SQTVM_INLINE void sqtvm_depthwise(const int8_t *x, const uint8_t *weights,
                                  const int32_t *parameters, int8_t *y, uint8_t *scratch,
                                  const sqtvm_depthwise_shape shape,
                                  const sqtvm_requantization requantization) {
  const sqtvm_parameters head = sqtvm_head(parameters);
  const int32_t values = shape.plane_height * shape.plane_width;
  const int32_t channel_bytes =
      (shape.kernel_height * shape.kernel_width * shape.weight_bits + 7) / 8;
  int16_t *plane = (int16_t *)(void *)scratch;
  for (int32_t i = 0; i < values; ++i) {
    plane[i] = (int16_t)head.input_zero_point;
  }
  const sqtvm_channel *channel = sqtvm_channels(parameters);
  for (int32_t c = 0; c < shape.channels; ++c) {
    sqtvm_depthwise_plane(x + c, plane, &shape);
#if SQTVM_DSP
    if (shape.kernel_height == 3 && shape.kernel_width == 3 && shape.stride_width <= 2) {
      sqtvm_depthwise3x3(plane, weights, y + c, channel[c], &head, &shape, requantization);
      weights += channel_bytes;
      continue;
    }
#endif
    sqtvm_depthwise_any(plane, weights, y + c, channel[c], &head, &shape, plane + values,
                        requantization);
    weights += channel_bytes;
  }
}

#endif
