/* 3x3 depthwise convolution over strips, for cores with SMLAD: stride 1 makes two rows of two
 * columns of outputs at a time, stride 2, where depthwise_stride2.h does not serve, one output.
 */
#ifndef SQTVM_DEPTHWISE3X3_H
#define SQTVM_DEPTHWISE3X3_H

#include "sqtvm/depthwise3x3_loops.h"
#include "sqtvm/depthwise_strip.h"

#define SQTVM_DEPTHWISE3X3_ROWS 6 /* by which a strip advances */

/* What is the same for every channel of a layer. */
SQTVM_INLINE void sqtvm_depthwise3x3_common(sqtvm_depthwise_channel *to, const uint32_t *in,
                                            const sqtvm_parameters *head,
                                            const sqtvm_depthwise_shape *shape,
                                            int32_t left_shift) {
  to->zero_point = head->output_zero_point;
  to->channels = shape->channels;
  to->row = shape->out_width * shape->channels;
  to->left_shift = left_shift;
  to->low = head->low;
  to->high = head->high;
  to->in = in;
  to->in_end = in + shape->out_width / 2 * SQTVM_STRIP_PAIR;
  to->odd_width = shape->out_width % 2;
}

SQTVM_INLINE void sqtvm_depthwise3x3_taps(sqtvm_depthwise_channel *to, const uint8_t *packed,
                                          int32_t bits, const sqtvm_depthwise_shape *shape) {
  int32_t taps[9];
#pragma GCC unroll 9
  for (int32_t i = 0; i < 9; ++i) {
    taps[i] = sqtvm_packed_tap(packed, i, bits);
  }
#pragma GCC unroll 3
  for (int32_t row = 0; row < 3; ++row) {
    to->begins[row] = sqtvm_halves(taps[3 * row], taps[3 * row + 1]);
    to->ends[row] = sqtvm_halves(taps[3 * row + 1], taps[3 * row + 2]);
  }
  if (shape->stride_width == 2) {
    to->ends[0] = sqtvm_halves(taps[2], taps[5]);
    to->ends[1] = sqtvm_halves(taps[8], shape->out_width - 1);
  }
}

SQTVM_ONCE void sqtvm_depthwise3x3_prepare(sqtvm_depthwise_channel *to, const uint8_t *packed,
                                           const sqtvm_channel *channel,
                                           const sqtvm_depthwise_shape *shape) {
  if (shape->weight_bits == 8) {
    sqtvm_depthwise3x3_taps(to, packed, 8, shape);
  } else if (shape->weight_bits == 4) {
    sqtvm_depthwise3x3_taps(to, packed, 4, shape);
  } else {
    sqtvm_depthwise3x3_taps(to, packed, 2, shape);
  }
  to->bias = channel->bias;
  to->multiplier = channel->multiplier;
}

/* The next `rows` rows of outputs of the channels from `begin` on. */
SQTVM_INLINE void sqtvm_depthwise3x3_rows(sqtvm_depthwise_channel *begin,
                                          sqtvm_depthwise_channel *end,
                                          sqtvm_depthwise_loop *loop, int32_t rows,
                                          int32_t stride) {
  const uint32_t slots = (uint32_t)sizeof(uint32_t) * 2;
  if (stride == 2) {
    loop(begin, end, slots * (uint32_t)(rows - 1), 0);
    return;
  }
  const uint32_t pairs = (uint32_t)rows / 2;
  if (pairs > 0) {
    loop(begin, end, slots * (pairs - 1), 0);
  }
  if (rows % 2) {
    const int32_t row = begin->row;
    for (sqtvm_depthwise_channel *channel = begin; channel != end; ++channel) {
      channel->row = 0;
    }
    loop(begin, end, slots * pairs, slots * pairs);
    for (sqtvm_depthwise_channel *channel = begin; channel != end; ++channel) {
      channel->row = row;
    }
  }
}

/* Compact kernels spare the flash of the loop for a shift without a clip. */
SQTVM_INLINE sqtvm_depthwise_loop *sqtvm_depthwise3x3_loop(int32_t stride, int32_t clips,
                                                           int32_t shifted) {
  const int32_t clipped = clips || ((stride == 2 || SQTVM_COMPACT) && shifted);
  if (stride == 2) {
    return clipped ? sqtvm_depthwise3x3_stride2_clipped : sqtvm_depthwise3x3_stride2;
  }
  if (!clipped && shifted) {
    return sqtvm_depthwise3x3_pairs_shifted;
  }
  return clipped ? sqtvm_depthwise3x3_pairs_clipped : sqtvm_depthwise3x3_pairs;
}

/* At least four channels, outputs at least two wide; scratch: the strip, then what four channels
 * need. */
SQTVM_ONCE void sqtvm_depthwise3x3(const int8_t *x, const uint8_t *weights,
                                   const int32_t *parameters, int8_t *y, uint8_t *scratch,
                                   const sqtvm_depthwise_shape *shape,
                                   sqtvm_depthwise_loop *loop, int32_t left_shift) {
  const sqtvm_parameters head = sqtvm_head(parameters);
  const sqtvm_channel *requantized = sqtvm_channels(parameters);
  const int32_t stride = shape->stride_height;
  const int32_t strip_rows = SQTVM_DEPTHWISE3X3_ROWS / stride;
  uint32_t *strip = (uint32_t *)(void *)scratch;
  sqtvm_depthwise_channel *four =
      (sqtvm_depthwise_channel *)(void *)(strip + shape->pairs * SQTVM_STRIP_PAIR);
  sqtvm_strip_rows rows = sqtvm_strip_columns(head.input_zero_point, shape);
  sqtvm_strip_clear(strip, head.input_zero_point, shape->pairs);
  for (int32_t c = 0; c < 4; ++c) {
    sqtvm_depthwise3x3_common(four + c, strip + c * SQTVM_STRIP_ROWS, &head, shape, left_shift);
  }
  int32_t done = 0;
  while (done < shape->channels) {
    /* The last four channels, of which some may be done, rather than fewer than four. */
    const int32_t first = done + 4 <= shape->channels ? done : shape->channels - 4;
    for (int32_t c = done - first; c < 4; ++c) {
      sqtvm_depthwise3x3_prepare(four + c, weights, requantized + first + c, shape);
      four[c].out = y + first + c;
      weights += sqtvm_depthwise_channel_bytes(shape);
    }
    for (int32_t out_y = 0; out_y < shape->out_height; out_y += strip_rows) {
      const int32_t left = shape->out_height - out_y;
      const int32_t kept = out_y ? SQTVM_STRIP_ROWS - SQTVM_DEPTHWISE3X3_ROWS : 0;
      if (kept) {
        sqtvm_strip_move(strip, kept, shape->pairs);
      }
      sqtvm_strip_fill(x + first, strip, out_y * stride, kept, &rows, shape);
      sqtvm_depthwise3x3_rows(four + done - first, four + 4, loop,
                              left < strip_rows ? left : strip_rows, stride);
    }
    done = first + 4;
  }
}

#endif
