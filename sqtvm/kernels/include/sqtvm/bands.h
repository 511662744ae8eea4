/* Tensors of 4-bit activations, packed row by row, through kernels that know bytes.
 *
 * A layer that reads or writes a packed tensor runs on a band of output rows at a time: the rows
 * of its window are unpacked to scratch, those that the band before had unpacked are moved, the
 * kernel computes the band as a small layer without padding above and below, and its rows are
 * packed.
 *
 * A packed row is whole words; each holds eight values as value + 8, the first four in the low
 * halves of its bytes, the next four in the high ones:
 *
 *   byte     0      1      2      3
 *          v4 v0  v5 v1  v6 v2  v7 v3
 */
#ifndef SQTVM_BANDS_H
#define SQTVM_BANDS_H

#include "sqtvm/common.h"

/* height: rows of the tensor; values: of a row; row_bytes: of a row as it is stored; packed: 0
 * where it is stored as bytes; place: of the unpacked rows in the scratch. */
typedef struct {
  int32_t height;
  int32_t values;
  int32_t row_bytes;
  int32_t packed;
  int32_t place;
} sqtvm_band_rows;

/* window: input rows of a band; step: from a band's first input row to the next one's; top:
 * rows of padding above; fill: their value. */
typedef struct {
  int32_t window;
  int32_t step;
  int32_t top;
  int32_t fill;
} sqtvm_band_window;

/* rows: of the output in a band, a divisor of its height; scratch: where the kernel's begins. */
typedef struct {
  int32_t rows;
  int32_t scratch;
} sqtvm_bands;

/* Writes whole groups of eight values: up to seven behind the row. */
SQTVM_INLINE void sqtvm_unpack_row(const int8_t *packed, int8_t *values, int32_t count) {
  for (int32_t value = 0; value < count; value += 8) {
    const uint32_t word = sqtvm_load_word(packed);
    /* v + 8 of 0 to 15 becomes v in every byte, and no byte borrows from the next. */
    const uint32_t first = (((word & 0x0F0F0F0FU) | 0x80808080U) - 0x08080808U) ^ 0x80808080U;
    const uint32_t rest = (((word >> 4 & 0x0F0F0F0FU) | 0x80808080U) - 0x08080808U) ^ 0x80808080U;
    memcpy(values, &first, 4);
    memcpy(values + 4, &rest, 4);
    packed += 4;
    values += 8;
  }
}

SQTVM_INLINE void sqtvm_pack_group(const int8_t *values, int8_t *packed) {
  const uint32_t first = sqtvm_load_word(values);
  const uint32_t rest = sqtvm_load_word(values + 4);
  const uint32_t word = ((first & 0x0F0F0F0FU) | (rest & 0x0F0F0F0FU) << 4) ^ 0x88888888U;
  memcpy(packed, &word, 4);
}

/* What a row lacks to whole groups is packed as 0. */
SQTVM_INLINE void sqtvm_pack_row(const int8_t *values, int8_t *packed, int32_t count) {
  const int32_t whole = count & ~7;
  for (int32_t value = 0; value < whole; value += 8) {
    sqtvm_pack_group(values + value, packed + value / 2);
  }
  if (whole != count) {
    int8_t rest[8] = {0};
    memcpy(rest, values + whole, (size_t)(count - whole));
    sqtvm_pack_group(rest, packed + whole / 2);
  }
}

/* The input rows of a band; number: of the band, which come in order. */
SQTVM_INLINE const int8_t *sqtvm_band_input(const int8_t *x, uint8_t *scratch, int32_t number,
                                             const sqtvm_band_rows input,
                                             const sqtvm_band_window window) {
  int8_t *rows = (int8_t *)scratch + input.place;
  const int32_t first = number * window.step - window.top;
  int32_t row = 0;
  if (number > 0 && window.window > window.step) {
    row = window.window - window.step;
    memmove(rows, rows + window.step * input.values, (size_t)(row * input.values));
  }
  for (; row < window.window; ++row) {
    const int32_t source = first + row;
    int8_t *to = rows + row * input.values;
    if (source < 0 || source >= input.height) {
      memset(to, window.fill, (size_t)input.values);
    } else if (input.packed) {
      sqtvm_unpack_row(x + source * input.row_bytes, to, input.values);
    } else {
      memcpy(to, x + source * input.row_bytes, (size_t)input.values);
    }
  }
  return rows;
}

/* Where the kernel writes the rows of a band. */
SQTVM_INLINE int8_t *sqtvm_band_results(int8_t *y, uint8_t *scratch, int32_t number,
                                         const sqtvm_band_rows output, const sqtvm_bands bands) {
  return output.packed ? (int8_t *)scratch + output.place
                       : y + number * bands.rows * output.row_bytes;
}

/* Packs them to where they belong. */
SQTVM_INLINE void sqtvm_band_output(int8_t *y, const uint8_t *scratch, int32_t number,
                                     const sqtvm_band_rows output, const sqtvm_bands bands) {
  if (output.packed) {
    const int8_t *rows = (const int8_t *)scratch + output.place;
    int8_t *to = y + number * bands.rows * output.row_bytes;
    for (int32_t row = 0; row < bands.rows; ++row) {
      sqtvm_pack_row(rows + row * output.values, to + row * output.row_bytes, output.values);
    }
  }
}

#endif
