/* 5x5 depthwise convolution over strips, for cores with SMLAD: two columns of outputs at a time at
 * stride 1, one at stride 2.
 *
 * Three words of activations x0 x1 | x2 x3 | x4 x5 meet each row of taps w0 to w4:
 *
 *   left  += x0 w0 + x1 w1, x2 w2 + x3 w3, x4 w4
 *   right += x1 w0, x2 w1 + x3 w2, x4 w3 + x5 w4
 */
#ifndef SQTVM_DEPTHWISE5X5_H
#define SQTVM_DEPTHWISE5X5_H

#include "sqtvm/depthwise_strip.h"

#define SQTVM_DEPTHWISE5X5_ROWS 4 /* by which a strip advances */
#define SQTVM_DEPTHWISE5X5_TAPS 4 /* words a row of taps */

/* Words w0 w1 | w1 w2 | w2 w3 | w3 w4 of each row of taps. */
SQTVM_SHARED void sqtvm_depthwise5x5_taps(const uint8_t *packed, uint32_t *taps,
                                          const sqtvm_depthwise_shape *shape) {
  for (int32_t row = 0; row < 5; ++row) {
    for (int32_t i = 0; i < SQTVM_DEPTHWISE5X5_TAPS; ++i) {
      *taps++ = sqtvm_halves(sqtvm_packed_tap(packed, 5 * row + i, shape->weight_bits),
                             sqtvm_packed_tap(packed, 5 * row + i + 1, shape->weight_bits));
    }
  }
}

/* One row of outputs of a channel. */
SQTVM_SHARED void sqtvm_depthwise5x5_row(const uint32_t *in, const uint32_t *taps, int8_t *y,
                                         const sqtvm_channel *channel,
                                         const sqtvm_parameters *head,
                                         const sqtvm_depthwise_shape *shape,
                                         sqtvm_requantization requantization) {
  const int32_t columns = shape->stride_width == 1 ? 2 : 1;
  for (int32_t out_x = 0; out_x < shape->out_width; out_x += columns) {
    int32_t left = channel->bias;
    int32_t right = channel->bias;
#pragma GCC unroll 5
    for (int32_t row = 0; row < 5; ++row) {
      const uint32_t *words = taps + row * SQTVM_DEPTHWISE5X5_TAPS;
      const uint32_t x01 = in[row];
      const uint32_t x23 = in[row + SQTVM_STRIP_PAIR];
      const uint32_t x45 = in[row + 2 * SQTVM_STRIP_PAIR];
      left = sqtvm_smlad(x01, words[0], left);
      left = sqtvm_smlad(x23, words[2], left);
      left = sqtvm_smlabt(x45, words[3], left);
      if (columns == 2) {
        right = sqtvm_smlatb(x01, words[0], right);
        right = sqtvm_smlad(x23, words[1], right);
        right = sqtvm_smlad(x45, words[3], right);
      }
    }
    in += SQTVM_STRIP_PAIR;
    *y = sqtvm_requantize(left, channel->multiplier, head, requantization);
    y += shape->channels;
    if (columns == 2 && out_x + 1 < shape->out_width) {
      *y = sqtvm_requantize(right, channel->multiplier, head, requantization);
      y += shape->channels;
    }
  }
}

/* At least four channels; scratch: the strip, then the taps of four channels. */
SQTVM_INLINE void sqtvm_depthwise5x5(const int8_t *x, const uint8_t *weights,
                                     const int32_t *parameters, int8_t *y, uint8_t *scratch,
                                     const sqtvm_depthwise_shape *shape,
                                     const sqtvm_requantization requantization) {
  const sqtvm_parameters head = sqtvm_head(parameters);
  const sqtvm_channel *requantized = sqtvm_channels(parameters);
  const int32_t stride = shape->stride_height;
  const int32_t strip_rows = SQTVM_DEPTHWISE5X5_ROWS / stride;
  uint32_t *strip = (uint32_t *)(void *)scratch;
  uint32_t *taps = strip + shape->pairs * SQTVM_STRIP_PAIR;
  sqtvm_strip_rows rows = sqtvm_strip_columns(head.input_zero_point, shape);
  sqtvm_strip_clear(strip, head.input_zero_point, shape->pairs);
  int32_t done = 0;
  while (done < shape->channels) {
    /* As for 3x3. */
    const int32_t first = done + 4 <= shape->channels ? done : shape->channels - 4;
    for (int32_t c = done - first; c < 4; ++c) {
      sqtvm_depthwise5x5_taps(weights, taps + c * 5 * SQTVM_DEPTHWISE5X5_TAPS, shape);
      weights += sqtvm_depthwise_channel_bytes(shape);
    }
    for (int32_t strip_y = 0; strip_y < shape->out_height; strip_y += strip_rows) {
      const int32_t kept = strip_y ? SQTVM_STRIP_ROWS - SQTVM_DEPTHWISE5X5_ROWS : 0;
      if (kept) {
        sqtvm_strip_move(strip, kept, shape->pairs);
      }
      sqtvm_strip_fill(x + first, strip, strip_y * stride, kept, &rows, shape);
      for (int32_t c = done - first; c < 4; ++c) {
        for (int32_t row = 0; row < strip_rows && strip_y + row < shape->out_height; ++row) {
          sqtvm_depthwise5x5_row(
              strip + c * SQTVM_STRIP_ROWS + row * stride,
              taps + c * 5 * SQTVM_DEPTHWISE5X5_TAPS,
              y + (strip_y + row) * shape->out_width * shape->channels + first + c,
              requantized + first + c, &head, shape, requantization);
        }
      }
    }
    done = first + 4;
  }
}

#endif
