/* Convolution, pointwise and grouped ones too: y = requantize(column times weights). */
#ifndef SQTVM_CONV2D_H
#define SQTVM_CONV2D_H

#include "sqtvm/dot2x2.h"

/* Extents of one layer, all known when the call is generated. channels are of one group;
 * quads: of a padded column; pixel_stride: bytes between input positions. */
typedef struct {
  int32_t in_height;
  int32_t in_width;
  int32_t in_channels;
  int32_t pixel_stride;
  int32_t out_height;
  int32_t out_width;
  int32_t out_channels;
  int32_t out_stride;
  int32_t kernel_height;
  int32_t kernel_width;
  int32_t stride_height;
  int32_t stride_width;
  int32_t pad_top;
  int32_t pad_left;
  int32_t quads;
  int32_t weight_bits;
} sqtvm_conv2d_shape;

/* One output position's values into its half of the column pair; returns their sum. */
SQTVM_SHARED int32_t sqtvm_conv2d_column(const int8_t *x, int32_t position, int32_t zero_point,
                                         int16_t *column, const sqtvm_conv2d_shape *shape) {
  const int32_t sums = shape->weight_bits < 8;
  const int32_t top = position / shape->out_width * shape->stride_height - shape->pad_top;
  const int32_t left = position % shape->out_width * shape->stride_width - shape->pad_left;
  const int32_t in_channels = shape->in_channels;
  int32_t sum = 0;
  int32_t k = 0;
  for (int32_t kernel_y = 0; kernel_y < shape->kernel_height; ++kernel_y) {
    const int32_t y = top + kernel_y;
    const int32_t row_inside = y >= 0 && y < shape->in_height;
    const int8_t *row = x + (y * shape->in_width + left) * shape->pixel_stride;
    if (in_channels % 4 == 0 && in_channels == shape->pixel_stride && row_inside && left >= 0 &&
        left + shape->kernel_width <= shape->in_width) {
      const int32_t run = in_channels * shape->kernel_width;
      sum = sqtvm_expand_quads(row, run, column + k * 2, 8, sums, sum);
      k += run;
      continue;
    }
    for (int32_t kernel_x = 0; kernel_x < shape->kernel_width; ++kernel_x) {
      const int32_t inside = row_inside && left + kernel_x >= 0 && left + kernel_x < shape->in_width;
      const int8_t *pixel = row + kernel_x * shape->pixel_stride;
      if (in_channels % 4 == 0) {
        if (inside) {
          sum = sqtvm_expand_quads(pixel, in_channels, column + k * 2, 8, sums, sum);
        } else {
          sqtvm_fill_quads(zero_point, in_channels, column + k * 2, 8);
          sum += zero_point * in_channels;
        }
        k += in_channels;
      } else {
        for (int32_t channel = 0; channel < in_channels; ++channel, ++k) {
          const int32_t value = inside ? pixel[channel] : zero_point;
          column[sqtvm_quad_index(k, 8)] = (int16_t)value;
          sum += value;
        }
      }
    }
  }
  return sum;
}


/* x: int8 [in_height, in_width, channels]; weights: packed as in dot2x2.h, channels in pairs, an
 * odd last one with a pair of zeros; parameters: sqtvm_parameters, then a sqtvm_channel a channel
 * (even count), their biases already without the input's zero point; scratch: 16 bytes a quad. */
SQTVM_INLINE void sqtvm_conv2d(const int8_t *x, const uint8_t *weights, const int32_t *parameters,
                               int8_t *y, uint8_t *scratch, const sqtvm_conv2d_shape shape,
                               const sqtvm_requantization requantization) {
  const sqtvm_parameters head = sqtvm_head(parameters);
  int16_t *column = (int16_t *)(void *)scratch;
  const int32_t positions = shape.out_height * shape.out_width;
  const int32_t offset = shape.weight_bits < 8 ? -(1 << (shape.weight_bits - 1)) : 0;
  const int32_t depth = shape.kernel_height * shape.kernel_width * shape.in_channels;

  if (depth != shape.quads * 4) {
    memset(column, 0, (uint32_t)shape.quads * 16U);
  }
  for (int32_t position = 0; position < positions; position += 2) {
    const int32_t both = positions % 2 == 0 || position + 1 < positions;
    const int32_t sum_a =
        sqtvm_conv2d_column(x, position, head.input_zero_point, column, &shape);
    const int32_t sum_b =
        both ? sqtvm_conv2d_column(x, position + 1, head.input_zero_point, column + 4, &shape) : 0;
    const sqtvm_channel *channel = sqtvm_channels(parameters);
    const uint8_t *packed = weights;
    int8_t *out_a = y + position * shape.out_stride;
    int8_t *out_b = out_a + shape.out_stride;
    for (int32_t c = 0; c < shape.out_channels; c += 2) {
      sqtvm_tile tile = {channel[0].bias + offset * sum_a, channel[0].bias + offset * sum_b,
                         channel[1].bias + offset * sum_a, channel[1].bias + offset * sum_b};
      packed = sqtvm_dot2x2(column, packed, shape.quads, shape.weight_bits, &tile);
      const int32_t pair = shape.out_channels % 2 == 0 || c + 1 < shape.out_channels;
      out_a[c] = sqtvm_requantize(tile.a0, channel[0].multiplier, &head, requantization);
      if (pair) {
        out_a[c + 1] = sqtvm_requantize(tile.a1, channel[1].multiplier, &head, requantization);
      }
      if (both) {
        out_b[c] = sqtvm_requantize(tile.b0, channel[0].multiplier, &head, requantization);
        if (pair) {
          out_b[c + 1] = sqtvm_requantize(tile.b1, channel[1].multiplier, &head, requantization);
        }
      }
      channel += 2;
    }
  }
}

/* Groups side by side; weight_bytes and parameter_words: of one group. */
typedef struct {
  int32_t count;
  int32_t weight_bytes;
  int32_t parameter_words;
} sqtvm_groups;

/* Each group has weights and parameters (a head of its own too) after those of the one before. */
SQTVM_INLINE void sqtvm_grouped_conv2d(const int8_t *x, const uint8_t *weights,
                                       const int32_t *parameters, int8_t *y, uint8_t *scratch,
                                       const sqtvm_conv2d_shape shape, const sqtvm_groups groups,
                                       const sqtvm_requantization requantization) {
  for (int32_t group = 0; group < groups.count; ++group) {
    sqtvm_conv2d(x, weights, parameters, y, scratch, shape, requantization);
    x += shape.in_channels;
    y += shape.out_channels;
    weights += groups.weight_bytes;
    parameters += groups.parameter_words;
  }
}

#endif
