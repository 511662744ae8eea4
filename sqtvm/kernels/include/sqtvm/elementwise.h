/* Operators without weights that go value by value. */
#ifndef SQTVM_ELEMENTWISE_H
#define SQTVM_ELEMENTWISE_H

#include "sqtvm/common.h"

SQTVM_INLINE int8_t sqtvm_narrow(int32_t value, int32_t low, int32_t high, int32_t clips) {
  return (int8_t)(clips ? sqtvm_clip(value, low, high) : sqtvm_saturate(value));
}

typedef struct {
  int32_t count;
  int32_t shift;
  int32_t clips;
} sqtvm_add_shape;

/* count rows of `channels` values. */
typedef struct {
  int32_t count;
  int32_t channels;
} sqtvm_rows;

/* One input of a concatenation: count rows of `channels` values to `first` in rows of `stride`;
 * scaled: 0 where it is a copy. */
typedef struct {
  int32_t count;
  int32_t channels;
  int32_t first;
  int32_t stride;
  int32_t scaled;
} sqtvm_concat_shape;

/* parameters: factor of a, factor of b, offset, low, high. */
SQTVM_INLINE void sqtvm_add(const int8_t *a, const int8_t *b, const int32_t *parameters, int8_t *y,
                            const sqtvm_add_shape shape) {
  const int32_t factor_a = parameters[0];
  const int32_t factor_b = parameters[1];
  const int32_t offset = parameters[2];
  const int32_t low = parameters[3];
  const int32_t high = parameters[4];
#pragma GCC unroll 4
  for (int32_t i = 0; i < shape.count; ++i) {
    const int32_t sum = a[i] * factor_a + (b[i] * factor_b + offset);
    y[i] = sqtvm_narrow(sum >> shape.shift, low, high, shape.clips);
  }
}

/* rescaling: factor, offset, shift, low, high. */
SQTVM_INLINE void sqtvm_concat_input(const int8_t *x, const int32_t *rescaling, int8_t *y,
                                     const sqtvm_concat_shape shape) {
  y += shape.first;
  for (int32_t row = 0; row < shape.count; ++row) {
    for (int32_t channel = 0; channel < shape.channels; ++channel) {
      int32_t value = x[channel];
      if (shape.scaled) {
        value = (value * rescaling[0] + rescaling[1]) >> rescaling[2];
      }
      y[channel] = (int8_t)sqtvm_clip(value, rescaling[3], rescaling[4]);
    }
    x += shape.channels;
    y += shape.stride;
  }
}

/* parameters: low, high. */
SQTVM_INLINE void sqtvm_clamp(const int8_t *x, const int32_t *parameters, int8_t *y,
                              const sqtvm_rows rows) {
  for (int32_t i = 0; i < rows.count * rows.channels; ++i) {
    y[i] = (int8_t)sqtvm_clip(x[i], parameters[0], parameters[1]);
  }
}

/* Height, width, channels in memory to channels, height, width. */
SQTVM_INLINE void sqtvm_flatten(const int8_t *x, int8_t *y, const sqtvm_rows rows) {
  const int32_t positions = rows.count;
  const int32_t channels = rows.channels;
  if (positions == 1 || channels == 1) {
    memmove(y, x, (uint32_t)(positions * channels));
    return;
  }
  for (int32_t channel = 0; channel < channels; ++channel) {
    for (int32_t position = 0; position < positions; ++position) {
      *y++ = x[position * channels + channel];
    }
  }
}

/* table: 65536 * exp(-difference * scale), int32 [256]; rows of `channels` values each. */
SQTVM_INLINE void sqtvm_softmax(const int8_t *x, const int32_t *table, int8_t *y,
                                const sqtvm_rows rows) {
  const int32_t channels = rows.channels;
  for (int32_t row = 0; row < rows.count; ++row) {
    int32_t largest = -128;
    for (int32_t i = 0; i < channels; ++i) {
      largest = x[i] > largest ? x[i] : largest;
    }
    uint64_t total = 0;
    for (int32_t i = 0; i < channels; ++i) {
      total += (uint32_t)table[largest - x[i]];
    }
    for (int32_t i = 0; i < channels; ++i) {
      const uint64_t exponential = (uint64_t)(uint32_t)table[largest - x[i]];
      const uint64_t share = ((exponential << 8) + total / 2U) / total;
      y[i] = (int8_t)((share > 255U ? 255 : (int32_t)share) - 128);
    }
    x += channels;
    y += channels;
  }
}

#endif
