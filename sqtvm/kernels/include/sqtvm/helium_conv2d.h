/* Convolution with Helium: three output positions by two channels, sixteen products an instruction,
 * from the same packed weights as the other paths. */
#ifndef SQTVM_HELIUM_CONV2D_H
#define SQTVM_HELIUM_CONV2D_H

#include <arm_mve.h>

#include "sqtvm/tile3x2.h"
#include "sqtvm/window.h"

/* As many as tile3x2.h: outputs that lie over inputs count on it. */
#define SQTVM_HELIUM_POSITIONS 3

/* The window of one position as bytes in the order of the weights: the whole quads of every kernel
 * row, then what the rows leave over, then zeros to a whole quad; k0 k2 k1 k3 in each quad. */
static inline __attribute__((unused)) void sqtvm_helium_column(const int8_t *x,
                                                               int32_t position,
                                                               int32_t zero_point,
                                                               int8_t *column, int8_t *gathered,
                                                               const sqtvm_conv2d_shape *shape) {
  const sqtvm_corner corner = sqtvm_corner_of(position, shape);
  const int32_t run = shape->kernel_width * shape->in_channels;
  const int32_t whole = run / 4 * 4;
  const int32_t depth = 4 * shape->quads;
  int8_t *to = column;
  int8_t *tail = column + shape->kernel_height * whole;
  for (int32_t row = 0; row < shape->kernel_height; ++row) {
    sqtvm_gather_row(x, corner.top + row, corner.left, zero_point, gathered, shape);
    memcpy(to, gathered, (uint32_t)whole);
    memcpy(tail, gathered + whole, (uint32_t)(run - whole));
    to += whole;
    tail += run - whole;
  }
  memset(tail, 0, (uint32_t)(depth - shape->kernel_height * run));
  /* Bytes 0 2 1 3 of each word. */
  const uint32x4_t first = vdupq_n_u32(0xFF);
  for (int32_t k = 0; k < depth; k += 16) {
    const mve_pred16_t words = vctp32q((uint32_t)(depth - k) / 4U);
    uint32_t *place = (uint32_t *)(void *)(column + k);
    const uint32x4_t quads = vldrwq_z_u32(place, words);
    const uint32x4_t ends = vandq_u32(quads, vdupq_n_u32(0xFF0000FFU));
    const uint32x4_t second = vandq_u32(vshrq_n_u32(quads, 16), first);
    const uint32x4_t third = vandq_u32(vshrq_n_u32(quads, 8), first);
    const uint32x4_t middle = vorrq_u32(vshlq_n_u32(second, 8), vshlq_n_u32(third, 16));
    vstrwq_p_u32(place, vorrq_u32(ends, middle), words);
  }
}

/* Even and odd bytes of 32, or of twice as many as `bytes` lets through. */
SQTVM_INLINE uint8x16x2_t sqtvm_helium_two(const uint8_t *from, int32_t whole,
                                           mve_pred16_t bytes) {
  if (whole) {
    return vld2q_u8(from);
  }
  const uint8x16_t every_other = vidupq_n_u8(0, 2);
  uint8x16x2_t two;
  two.val[0] = vldrbq_gather_offset_z_u8(from, every_other, bytes);
  two.val[1] = vldrbq_gather_offset_z_u8(from + 1, every_other, bytes);
  return two;
}

/* sums[channel][position] += weights of two channels times columns, 8 bits: four quads a turn. */
SQTVM_INLINE void sqtvm_helium_dot8(const uint8_t *weights,
                                    const int8_t *const columns[SQTVM_HELIUM_POSITIONS],
                                    int32_t quads, int32_t sums[2][SQTVM_HELIUM_POSITIONS]) {
  for (int32_t quad = 0; quad < quads; quad += 4) {
    const mve_pred16_t bytes = vctp8q((uint32_t)(quads - quad) * 4U);
    const uint8x16x2_t two = sqtvm_helium_two(weights + 8 * quad, quads - quad >= 4, bytes);
    const int8x16_t first = vreinterpretq_s8_u8(two.val[0]);
    const int8x16_t second = vreinterpretq_s8_u8(two.val[1]);
#pragma GCC unroll 4
    for (int32_t i = 0; i < SQTVM_HELIUM_POSITIONS; ++i) {
      const int8x16_t values = vldrbq_z_s8(columns[i] + 4 * quad, bytes);
      sums[0][i] = vmladavaq_s8(sums[0][i], first, values);
      sums[1][i] = vmladavaq_s8(sums[1][i], second, values);
    }
  }
}

/* The same at 4 bits, eight quads a turn: bytes of a word are channel 0 (k0, k1), channel 1
 * (k0, k1), channel 0 (k2, k3), channel 1 (k2, k3), the even one in the low bits. */
SQTVM_INLINE void sqtvm_helium_dot4(const uint8_t *weights,
                                    const int8_t *const columns[SQTVM_HELIUM_POSITIONS],
                                    int32_t quads, int32_t sums[2][SQTVM_HELIUM_POSITIONS]) {
  const uint16x8_t every_other = vidupq_n_u16(0, 2);
  for (int32_t quad = 0; quad < quads; quad += 8) {
    const int32_t left = quads - quad;
    const mve_pred16_t bytes = vctp8q((uint32_t)left * 2U);
    const mve_pred16_t halves = vctp16q((uint32_t)left);
    const uint8x16x2_t two = sqtvm_helium_two(weights + 4 * quad, left >= 8, bytes);
    int8x16_t even[2];
    int8x16_t odd[2];
#pragma GCC unroll 2
    for (int32_t channel = 0; channel < 2; ++channel) {
      const uint8x16_t packed = two.val[channel];
      even[channel] = vsubq_n_s8(vreinterpretq_s8_u8(vandq_u8(packed, vdupq_n_u8(0x0F))), 8);
      odd[channel] = vsubq_n_s8(vreinterpretq_s8_u8(vshrq_n_u8(packed, 4)), 8);
    }
#pragma GCC unroll 4
    for (int32_t i = 0; i < SQTVM_HELIUM_POSITIONS; ++i) {
      const uint16_t *values = (const uint16_t *)(const void *)(columns[i] + 4 * quad);
      const int8x16_t low = vreinterpretq_s8_u16(
          vldrhq_gather_shifted_offset_z_u16(values, every_other, halves));
      const int8x16_t high = vreinterpretq_s8_u16(
          vldrhq_gather_shifted_offset_z_u16(values + 1, every_other, halves));
#pragma GCC unroll 2
      for (int32_t channel = 0; channel < 2; ++channel) {
        sums[channel][i] = vmladavaq_s8(sums[channel][i], even[channel], low);
        sums[channel][i] = vmladavaq_s8(sums[channel][i], odd[channel], high);
      }
    }
  }
}

/* The same at 2 bits, eight quads a turn: a byte is channel 0 (even k, odd k), channel 1 (even,
 * odd), and a word the bytes of k0, k4, k2, k6. */
SQTVM_INLINE void sqtvm_helium_dot2(const uint8_t *weights,
                                    const int8_t *const columns[SQTVM_HELIUM_POSITIONS],
                                    int32_t quads, int32_t sums[2][SQTVM_HELIUM_POSITIONS]) {
  static const uint8_t places[16] = {0, 4, 1, 5, 8, 12, 9, 13, 16, 20, 17, 21, 24, 28, 25, 29};
  const uint8x16_t evens = vldrbq_u8(places);
  const uint8x16_t mask = vdupq_n_u8(3);
  for (int32_t quad = 0; quad < quads; quad += 8) {
    const mve_pred16_t bytes = vctp8q((uint32_t)(quads - quad) * 2U);
    const uint8x16_t packed = vldrbq_z_u8(weights + 2 * quad, bytes);
    const int8x16_t lanes[2][2] = {
        {vsubq_n_s8(vreinterpretq_s8_u8(vandq_u8(packed, mask)), 2),
         vsubq_n_s8(vreinterpretq_s8_u8(vandq_u8(vshrq_n_u8(packed, 2), mask)), 2)},
        {vsubq_n_s8(vreinterpretq_s8_u8(vandq_u8(vshrq_n_u8(packed, 4), mask)), 2),
         vsubq_n_s8(vreinterpretq_s8_u8(vshrq_n_u8(packed, 6)), 2)}};
#pragma GCC unroll 4
    for (int32_t i = 0; i < SQTVM_HELIUM_POSITIONS; ++i) {
      const int8_t *values = columns[i] + 4 * quad;
      const int8x16_t even = vldrbq_gather_offset_z_s8(values, evens, bytes);
      const int8x16_t odd = vldrbq_gather_offset_z_s8(values + 2, evens, bytes);
#pragma GCC unroll 2
      for (int32_t channel = 0; channel < 2; ++channel) {
        sums[channel][i] = vmladavaq_s8(sums[channel][i], lanes[channel][0], even);
        sums[channel][i] = vmladavaq_s8(sums[channel][i], lanes[channel][1], odd);
      }
    }
  }
}

/* Arguments as sqtvm_conv2d's. */
SQTVM_INLINE void sqtvm_helium_conv2d(const int8_t *x, const uint8_t *weights,
                                      const int32_t *parameters, int8_t *y, uint8_t *scratch,
                                      const sqtvm_conv2d_shape *shape,
                                      const sqtvm_requantization requantization) {
  const sqtvm_parameters head = sqtvm_head(parameters);
  const int32_t depth = 4 * shape->quads;
  const int32_t positions = shape->out_height * shape->out_width;
  int8_t *work = (int8_t *)scratch;
  for (int32_t position = 0; position < positions; position += SQTVM_HELIUM_POSITIONS) {
    const int32_t count = positions - position < SQTVM_HELIUM_POSITIONS
                              ? positions - position
                              : SQTVM_HELIUM_POSITIONS;
    const int8_t *columns[SQTVM_HELIUM_POSITIONS];
    for (int32_t i = 0; i < SQTVM_HELIUM_POSITIONS; ++i) {
      /* Fewer positions at the end: one of them again. */
      const int32_t of = i < count ? i : 0;
      columns[i] = work + of * depth;
      if (i < count) {
        sqtvm_helium_column(x, position + i, head.input_zero_point, work + i * depth,
                            work + SQTVM_HELIUM_POSITIONS * depth, shape);
      }
    }
    const uint8_t *packed = weights;
    const sqtvm_channel_pair *pair = (const sqtvm_channel_pair *)(const void *)(parameters + 4);
    for (int32_t c = 0; c < shape->out_channels; c += 2) {
      int32_t sums[2][SQTVM_HELIUM_POSITIONS];
#pragma GCC unroll 4
      for (int32_t i = 0; i < SQTVM_HELIUM_POSITIONS; ++i) {
        sums[0][i] = pair->bias[0];
        sums[1][i] = pair->bias[1];
      }
      if (shape->weight_bits == 8) {
        sqtvm_helium_dot8(packed, columns, shape->quads, sums);
      } else if (shape->weight_bits == 4) {
        sqtvm_helium_dot4(packed, columns, shape->quads, sums);
      } else {
        sqtvm_helium_dot2(packed, columns, shape->quads, sums);
      }
      packed += shape->quads * shape->weight_bits;
      for (int32_t i = 0; i < count; ++i) {
        int8_t *to = y + (position + i) * shape->out_stride + c;
        to[0] = sqtvm_requantize(sums[0][i], pair->multiplier[0], &head, requantization);
        if (c + 1 < shape->out_channels) {
          to[1] = sqtvm_requantize(sums[1][i], pair->multiplier[1], &head, requantization);
        }
      }
      ++pair;
    }
  }
}

#endif
