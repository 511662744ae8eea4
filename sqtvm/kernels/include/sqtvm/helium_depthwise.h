/* Depthwise convolution with Helium: four channels at a time, any kernel and stride, over a ring of
 * kernel_height padded rows of bytes. */
#ifndef SQTVM_HELIUM_DEPTHWISE_H
#define SQTVM_HELIUM_DEPTHWISE_H

#include <arm_mve.h>

#include "sqtvm/depthwise_shape.h"

#define SQTVM_HELIUM_LANES 4

/* Padded row `row` of the channels at x, of which `lanes` are wanted. */
SQTVM_INLINE void sqtvm_helium_depthwise_row(const int8_t *x, int32_t row, int32_t length,
                                             mve_pred16_t lanes, int32_t zero_point, int8_t *to,
                                             const sqtvm_depthwise_shape *shape) {
  const int32_t y = row - shape->pad_top;
  for (int32_t i = 0; i < length; ++i) {
    const int32_t column = i - shape->pad_left;
    int32x4_t values = vdupq_n_s32(zero_point);
    if (y >= 0 && y < shape->in_height && column >= 0 && column < shape->in_width) {
      values = vldrbq_z_s32(x + (y * shape->in_width + column) * shape->channels, lanes);
    }
    vstrbq_s32(to + SQTVM_HELIUM_LANES * i, values);
  }
}

/* int32 [taps][SQTVM_HELIUM_LANES]; lanes without a channel stay 0. */
SQTVM_INLINE void sqtvm_helium_depthwise_taps(const uint8_t *packed, int32_t channels,
                                              int32_t *taps, const sqtvm_depthwise_shape *shape) {
  const int32_t count = shape->kernel_height * shape->kernel_width;
  memset(taps, 0, (uint32_t)(SQTVM_HELIUM_LANES * 4 * count));
  for (int32_t c = 0; c < channels; ++c) {
    for (int32_t tap = 0; tap < count; ++tap) {
      taps[SQTVM_HELIUM_LANES * tap + c] = sqtvm_packed_tap(packed, tap, shape->weight_bits);
    }
    packed += sqtvm_depthwise_channel_bytes(shape);
  }
}

/* Arguments as sqtvm_depthwise's. */
SQTVM_INLINE void sqtvm_helium_depthwise(const int8_t *x, const uint8_t *weights,
                                         const int32_t *parameters, int8_t *y, uint8_t *scratch,
                                         const sqtvm_depthwise_shape *shape,
                                         const sqtvm_requantization requantization) {
  const sqtvm_parameters head = sqtvm_head(parameters);
  const int32_t count = shape->kernel_height * shape->kernel_width;
  const int32_t length = (shape->out_width - 1) * shape->stride_width + shape->kernel_width;
  const uint32x4_t pairs = vidupq_n_u32(0, 2);
  int32_t *taps = (int32_t *)(void *)scratch;
  int8_t *ring = (int8_t *)(taps + SQTVM_HELIUM_LANES * count);
  for (int32_t first = 0; first < shape->channels; first += SQTVM_HELIUM_LANES) {
    const int32_t left = shape->channels - first;
    const int32_t channels = left < SQTVM_HELIUM_LANES ? left : SQTVM_HELIUM_LANES;
    const mve_pred16_t lanes = vctp32q((uint32_t)channels);
    const int32_t *channel = (const int32_t *)(const void *)(sqtvm_channels(parameters) + first);
    const int32x4_t bias = vldrwq_gather_shifted_offset_z_s32(channel, pairs, lanes);
    const int32x4_t multiplier = vldrwq_gather_shifted_offset_z_s32(channel + 1, pairs, lanes);
    sqtvm_helium_depthwise_taps(weights + first * sqtvm_depthwise_channel_bytes(shape), channels,
                                taps, shape);
    int8_t *to = y + first;
    int32_t ready = 0;
    for (int32_t out_y = 0; out_y < shape->out_height; ++out_y) {
      const int32_t top = out_y * shape->stride_height;
      for (; ready < top + shape->kernel_height; ++ready) {
        sqtvm_helium_depthwise_row(
            x + first, ready, length, lanes, head.input_zero_point,
            ring + ready % shape->kernel_height * length * SQTVM_HELIUM_LANES, shape);
      }
      for (int32_t out_x = 0; out_x < shape->out_width; ++out_x) {
        int32x4_t sum = bias;
        const int32_t *weight = taps;
        for (int32_t row = 0; row < shape->kernel_height; ++row) {
          const int32_t slot = (top + row) % shape->kernel_height;
          const int8_t *values =
              ring + (slot * length + out_x * shape->stride_width) * SQTVM_HELIUM_LANES;
          for (int32_t column = 0; column < shape->kernel_width; ++column) {
            sum = vaddq_s32(sum, vmulq_s32(vldrbq_s32(values), vldrwq_s32(weight)));
            values += SQTVM_HELIUM_LANES;
            weight += SQTVM_HELIUM_LANES;
          }
        }
        sum = vshlq_s32(sum, vdupq_n_s32(requantization.left_shift));
        sum = vaddq_n_s32(vrmulhq_s32(sum, multiplier), head.output_zero_point);
        sum = vmaxq_s32(vminq_s32(sum, vdupq_n_s32(head.high)), vdupq_n_s32(head.low));
        vstrbq_p_s32(to, sum, lanes);
        to += shape->channels;
      }
    }
  }
}

#endif
