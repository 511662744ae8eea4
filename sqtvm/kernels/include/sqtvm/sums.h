/* Sums of activations, which take the offset of weights below 8 bits back.
 *
 * Windows overlap, so each input value is added once to its pixel, the pixels once to a kernel
 * row, and a window is the sum of one such row sum for each kernel row.
 */
#ifndef SQTVM_SUMS_H
#define SQTVM_SUMS_H

#include "sqtvm/window.h"

/* The sum of count values. */
SQTVM_INLINE int32_t sqtvm_sum(const int8_t *values, int32_t count) {
  int32_t sum = 0;
  int32_t k = 0;
#if SQTVM_DSP
  /* USADA8 adds four bytes, taken as unsigned: flipping the sign bits adds 128 to each. */
  uint32_t biased = 0;
#pragma GCC unroll 4
  for (; k < (count & ~3); k += 4) {
    __asm__("usada8 %0, %1, %2, %0"
            : "+r"(biased)
            : "r"(sqtvm_load_word(values + k) ^ 0x80808080U), "r"(0));
  }
  sum = (int32_t)biased - 128 * k;
#endif
  for (; k < count; ++k) {
    sum += values[k];
  }
  return sum;
}

/* ring: kernel_height rows of `length` sums, input row y in row y % kernel_height; next_row: the
 * input row after the newest one in it; totals: out_width sums of the windows of out_row, times
 * factor. */
typedef struct {
  int32_t *ring;
  int32_t *totals;
  int32_t length;
  int32_t next_row;
  int32_t out_row;
  int32_t factor;
} sqtvm_row_sums;

SQTVM_INLINE void sqtvm_row_sums_add(const int8_t *row, int32_t zero_point, int32_t *sums,
                                     int32_t length, const sqtvm_conv2d_shape *shape) {
  const int32_t channels = shape->in_channels;
  for (int32_t i = 0; i < length; ++i) {
    const int32_t column = i - shape->pad_left;
    sums[i] = column >= 0 && column < shape->in_width ? sqtvm_sum(row + column * channels, channels)
                                                      : zero_point * channels;
  }
  /* In place: what is written stands before all that is still to be read. */
  for (int32_t i = 0; i < shape->out_width; ++i) {
    int32_t sum = 0;
    for (int32_t k = 0; k < shape->kernel_width; ++k) {
      sum += sums[i * shape->stride_width + k];
    }
    sums[i] = sum;
  }
}

/* The totals of one output row, after those of the row above or the same again. */
SQTVM_SHARED void sqtvm_row_sums_total(sqtvm_row_sums *state, const int8_t *x, int32_t out_row,
                                       int32_t zero_point, const sqtvm_conv2d_shape *shape) {
  const int32_t height = shape->kernel_height;
  const int32_t top = out_row * shape->stride_height - shape->pad_top;
  const int32_t first = top < 0 ? 0 : top;
  const int32_t end = top + height < shape->in_height ? top + height : shape->in_height;
  if (first < state->next_row - height || first > state->next_row) {
    state->next_row = first;
  }
  for (; state->next_row < end; ++state->next_row) {
    sqtvm_row_sums_add(x + state->next_row * shape->in_width * shape->in_channels, zero_point,
                       state->ring + state->next_row % height * state->length, state->length,
                       shape);
  }
  const int32_t outside =
      (height - (end - first)) * shape->kernel_width * shape->in_channels * zero_point;
  for (int32_t i = 0; i < shape->out_width; ++i) {
    int32_t sum = outside;
    if (outside == 0 && end - first == height) {
      for (int32_t y = 0; y < height; ++y) {
        sum += state->ring[y * state->length + i];
      }
    } else {
      for (int32_t y = first; y < end; ++y) {
        sum += state->ring[y % height * state->length + i];
      }
    }
    state->totals[i] = sum * state->factor;
  }
  state->out_row = out_row;
}

/* The sum of one output position's window. */
SQTVM_INLINE int32_t sqtvm_window_sum(sqtvm_row_sums *state, const int8_t *x, int32_t position,
                                      int32_t zero_point, const sqtvm_conv2d_shape *shape) {
  const int32_t out_row = position / shape->out_width;
  if (out_row != state->out_row) {
    sqtvm_row_sums_total(state, x, out_row, zero_point, shape);
  }
  return state->totals[position - out_row * shape->out_width];
}

#endif
