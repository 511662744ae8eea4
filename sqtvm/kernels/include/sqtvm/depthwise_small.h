/* 3x3 depthwise convolution of maps so small that strips do not pay: each channel is unrolled as a
 * whole, straight from its bytes. Only where extents are constants of the compiler. */
#ifndef SQTVM_DEPTHWISE_SMALL_H
#define SQTVM_DEPTHWISE_SMALL_H

#include "sqtvm/depthwise_strip.h"

#define SQTVM_DEPTHWISE_SMALL_OUTPUTS 9 /* at most */

/* Column `column` of the padded row that begins at x. */
SQTVM_INLINE int32_t sqtvm_depthwise_small_value(const int8_t *x, int32_t column,
                                                 int32_t zero_point,
                                                 const sqtvm_depthwise_shape *shape) {
  const int32_t inside = column - shape->pad_left;
  return inside >= 0 && inside < shape->in_width ? x[inside * shape->channels] : zero_point;
}

/* Adds what a row of taps w0 w1 | w1 w2 makes of a row to each output of its row. */
SQTVM_INLINE void sqtvm_depthwise_small_row(const int8_t *x, uint32_t begin, uint32_t end,
                                            int32_t zero_point, int32_t *sums,
                                            const sqtvm_depthwise_shape *shape) {
#pragma GCC unroll 9
  for (int32_t out_x = 0; out_x < shape->out_width; ++out_x) {
    const int32_t column = out_x * shape->stride_width;
    const int32_t first = sqtvm_depthwise_small_value(x, column, zero_point, shape);
    const int32_t second = sqtvm_depthwise_small_value(x, column + 1, zero_point, shape);
    const int32_t third = sqtvm_depthwise_small_value(x, column + 2, zero_point, shape);
    if (column % 2 == 0) {
      const uint32_t pair = sqtvm_pkhbt16((uint32_t)first, (uint32_t)second);
      sums[out_x] = sqtvm_smlad(pair, begin, sums[out_x]);
      sums[out_x] = sqtvm_smlabt((uint32_t)third, end, sums[out_x]);
    } else {
      sums[out_x] = sqtvm_smlabb((uint32_t)first, begin, sums[out_x]);
      const uint32_t pair = sqtvm_pkhbt16((uint32_t)second, (uint32_t)third);
      sums[out_x] = sqtvm_smlad(pair, end, sums[out_x]);
    }
  }
}

/* One row of outputs. The barriers keep the compiler from loading more than registers hold. */
SQTVM_INLINE void sqtvm_depthwise_small_sums(const int8_t *x, int32_t out_y, int32_t bias,
                                             const uint32_t *begins, const uint32_t *ends,
                                             int32_t zero_point, int32_t *sums,
                                             const sqtvm_depthwise_shape *shape) {
  const uint32_t padding = sqtvm_halves(zero_point, zero_point);
  const int32_t top = out_y * shape->stride_height - shape->pad_top;
  /* Rows of padding give every output of a row the same. */
#pragma GCC unroll 3
  for (int32_t row = 0; row < 3; ++row) {
    if (top + row < 0 || top + row >= shape->in_height) {
      bias = sqtvm_smlad(padding, begins[row], bias);
      bias = sqtvm_smlabt(padding, ends[row], bias);
    }
  }
#pragma GCC unroll 9
  for (int32_t out_x = 0; out_x < shape->out_width; ++out_x) {
    sums[out_x] = bias;
  }
#pragma GCC unroll 3
  for (int32_t row = 0; row < 3; ++row) {
    if (top + row >= 0 && top + row < shape->in_height) {
      const int8_t *from = x + (top + row) * shape->in_width * shape->channels;
      sqtvm_depthwise_small_row(from, begins[row], ends[row], zero_point, sums, shape);
      __asm__ volatile("" ::: "memory");
    }
  }
}

SQTVM_INLINE void sqtvm_depthwise_small(const int8_t *x, const uint8_t *weights,
                                        const int32_t *parameters, int8_t *y,
                                        const sqtvm_depthwise_shape *shape,
                                        const sqtvm_requantization requantization) {
  const sqtvm_parameters head = sqtvm_head(parameters);
  const sqtvm_channel *channel = sqtvm_channels(parameters);
  const int32_t line = shape->out_width * shape->channels;
  for (int32_t c = 0; c < shape->channels; ++c) {
    uint32_t begins[3];
    uint32_t ends[3];
    int8_t done[SQTVM_DEPTHWISE_SMALL_OUTPUTS];
#pragma GCC unroll 3
    for (int32_t row = 0; row < 3; ++row) {
      int32_t taps[3];
#pragma GCC unroll 3
      for (int32_t i = 0; i < 3; ++i) {
        taps[i] = sqtvm_packed_tap(weights, 3 * row + i, shape->weight_bits);
      }
      begins[row] = sqtvm_pkhbt16((uint32_t)taps[0], (uint32_t)taps[1]);
      ends[row] = sqtvm_pkhbt16((uint32_t)taps[1], (uint32_t)taps[2]);
    }
    /* A row is stored after the next one was made, since y may be x. */
#pragma GCC unroll 10
    for (int32_t out_y = 0; out_y <= shape->out_height; ++out_y) {
      int32_t sums[SQTVM_DEPTHWISE_SMALL_OUTPUTS];
      if (out_y < shape->out_height) {
        sqtvm_depthwise_small_sums(x + c, out_y, channel[c].bias, begins, ends,
                                   head.input_zero_point, sums, shape);
      }
#pragma GCC unroll 9
      for (int32_t i = 0; i < shape->out_width; ++i) {
        if (out_y > 0) {
          y[(out_y - 1) * line + i * shape->channels + c] = done[i];
        }
        if (out_y < shape->out_height) {
          done[i] = sqtvm_requantize(sums[i], channel[c].multiplier, &head, requantization);
        }
      }
    }
    weights += sqtvm_depthwise_channel_bytes(shape);
  }
}

#endif
