/* Sums of activations, which take the offset of weights below 8 bits back, for windows that
 * overlap: each value is added once to its pixel, and each pixel enters and leaves running sums. */
#ifndef SQTVM_SUMS_H
#define SQTVM_SUMS_H

#include "sqtvm/window.h"

#if SQTVM_DSP

/* USADA8 adds four bytes, taken as unsigned: flipping the sign bits adds 128 to each. */
#define SQTVM_SUM_WORD(word)           \
  "eor " word ", " word ", r12\n\t"    \
  "usada8 r9, " word ", r8, r9\n\t"

/* The sum of each of `pixels` pixels of `channels` channels, a multiple of 4, to `sums`; values
 * has the alignment of a word. r9 is the sum, r10 what flipping adds, negated. */
__attribute__((naked, noinline, unused)) static void sqtvm_pixel_sums(
    __attribute__((unused)) const int8_t *values, __attribute__((unused)) int32_t pixels,
    __attribute__((unused)) int32_t channels, __attribute__((unused)) int32_t *sums) {
  __asm__ volatile(
      "push {r4, r5, r6, r7, r8, r9, r10, r11, lr}\n\t"
      "mov r12, #0x80808080\n\t"
      "mov r8, #0\n\t"
      "sub r10, r8, r2, lsl #7\n\t"
      "lsr r11, r2, #4\n\t"
      "and r2, r2, #12\n"
      "0:\n\t"
      "mov r9, r10\n\t"
      "movs lr, r11\n\t"
      "beq 2f\n"
      "1:\n\t"
      "ldmia r0!, {r4, r5, r6, r7}\n\t"
      SQTVM_SUM_WORD("r4") SQTVM_SUM_WORD("r5") SQTVM_SUM_WORD("r6") SQTVM_SUM_WORD("r7")
      "subs lr, lr, #1\n\t"
      "bne 1b\n"
      "2:\n\t"
      "movs lr, r2\n\t"
      "beq 4f\n"
      "3:\n\t"
      "ldr r4, [r0], #4\n\t"
      SQTVM_SUM_WORD("r4")
      "subs lr, lr, #4\n\t"
      "bne 3b\n"
      "4:\n\t"
      "str r9, [r3], #4\n\t"
      "subs r1, r1, #1\n\t"
      "bne 0b\n\t"
      "pop {r4, r5, r6, r7, r8, r9, r10, r11, pc}\n\t");
}

#else

SQTVM_INLINE void sqtvm_pixel_sums(const int8_t *values, int32_t pixels, int32_t channels,
                                   int32_t *sums) {
  for (int32_t pixel = 0; pixel < pixels; ++pixel) {
    sums[pixel] = 0;
    for (int32_t channel = 0; channel < channels; ++channel) {
      sums[pixel] += values[pixel * channels + channel];
    }
  }
}

#endif

/* pixels: of one input row with its padding; ring: for each kernel row the sums of a kernel row
 * at each output column; totals: the sums of out_row's windows; next_row: the input row that has
 * not entered yet, from -pad_top on; out_row: -2 before the first. */
typedef struct {
  int32_t *pixels;
  int32_t *ring;
  int32_t *totals;
  int32_t next_row;
  int32_t out_row;
} sqtvm_window_sums;

/* Lets the kernel row's sums at each output column enter the totals, and those in the ring leave. */
SQTVM_INLINE void sqtvm_window_sums_add(const int32_t *pixels, int32_t *ring, int32_t *totals,
                                        int32_t count, int32_t width, int32_t stride) {
  int32_t sum = 0;
  for (int32_t k = 0; k < width - stride; ++k) {
    sum += pixels[k];
  }
  for (int32_t i = 0; i < count; ++i) {
    for (int32_t k = 0; k < stride; ++k) {
      sum += pixels[width - stride + k];
    }
    totals[i] += sum - ring[i];
    ring[i] = sum;
    for (int32_t k = 0; k < stride; ++k) {
      sum -= pixels[k];
    }
    pixels += stride;
  }
}

/* Lets an input row enter the totals, and the one kernel_height above it leave. */
SQTVM_INLINE void sqtvm_window_sums_enter(const int8_t *row, int32_t zero_point,
                                          const sqtvm_window_sums *state, int32_t *ring,
                                          const sqtvm_conv2d_shape *shape) {
  const int32_t count = shape->out_width;
  const int32_t width = shape->kernel_width;
  const int32_t length = (count - 1) * shape->stride_width + width;
  const int32_t reached = length - shape->pad_left;
  for (int32_t i = 0; i < length; ++i) {
    state->pixels[i] = zero_point * shape->in_channels;
  }
  if (row != NULL) {
    sqtvm_pixel_sums(row, reached < shape->in_width ? reached : shape->in_width,
                     shape->in_channels, state->pixels + shape->pad_left);
  }
  if (shape->stride_width == 1) {
    sqtvm_window_sums_add(state->pixels, ring, state->totals, count, width, 1);
  } else if (shape->stride_width == 2) {
    sqtvm_window_sums_add(state->pixels, ring, state->totals, count, width, 2);
  } else {
    sqtvm_window_sums_add(state->pixels, ring, state->totals, count, width, shape->stride_width);
  }
}

/* Brings the totals to an output row: to the next one by what enters and leaves, to any other by
 * all of its rows. No row above them is read, for the output may have overwritten it. */
__attribute__((noinline, unused)) static void sqtvm_window_sums_move(
    sqtvm_window_sums *state, const int8_t *x, int32_t out_row, int32_t zero_point,
    const sqtvm_conv2d_shape *shape) {
  const int32_t height = shape->kernel_height;
  const int32_t top = out_row * shape->stride_height - shape->pad_top;
  if (out_row != state->out_row + 1) {
    memset(state->ring, 0, (uint32_t)(height * shape->out_width) * sizeof(int32_t));
    memset(state->totals, 0, (uint32_t)shape->out_width * sizeof(int32_t));
    state->next_row = top;
  }
  for (; state->next_row < top + height; ++state->next_row) {
    const int32_t y = state->next_row;
    const int32_t line = shape->in_width * shape->in_channels;
    sqtvm_window_sums_enter(y >= 0 && y < shape->in_height ? x + y * line : NULL, zero_point,
                            state, state->ring + (y + shape->pad_top) % height * shape->out_width,
                            shape);
  }
  state->out_row = out_row;
}

#endif
