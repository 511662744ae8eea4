/* Fully connected layers: four output features at a time over one expanded input.
 *
 * Packed weights of four features, a quad at a time (offset-binary below 8 bits):
 *
 *   8 bits: 4 words, one a feature, bytes k0 k1 k2 k3
 *   4 bits: 2 words, features 0 1 and 2 3, each as a quad of dot2x2.h
 *   2 bits: 1 word, lane n of 2 bits at 2n and 16 + 2n: f0k0 f0k1 f1k0 f1k1 f2k0 ... beside
 *           f0k2 f0k3 ...
 */
#ifndef SQTVM_LINEAR_H
#define SQTVM_LINEAR_H

#include "sqtvm/column.h"

/* quads: of the padded input. */
typedef struct {
  int32_t in_features;
  int32_t out_features;
  int32_t quads;
  int32_t weight_bits;
} sqtvm_linear_shape;

typedef struct {
  int32_t f0;
  int32_t f1;
  int32_t f2;
  int32_t f3;
} sqtvm_features;

SQTVM_INLINE const uint8_t *sqtvm_dot1x4_portable(const int16_t *quads, const uint8_t *weights,
                                                  int32_t count, int32_t bits,
                                                  sqtvm_features *sums) {
  int32_t total[4] = {sums->f0, sums->f1, sums->f2, sums->f3};
  for (int32_t quad = 0; quad < count; ++quad) {
    for (int32_t feature = 0; feature < 4; ++feature) {
      int32_t lane[4];
      if (bits == 8) {
        const int8_t *bytes = (const int8_t *)weights + 4 * feature;
        lane[0] = bytes[0];
        lane[1] = bytes[2];
        lane[2] = bytes[1];
        lane[3] = bytes[3];
      } else {
        const uint32_t mask = (1U << bits) - 1U;
        const uint32_t word = sqtvm_load_word(bits == 4 ? weights + 4 * (feature / 2) : weights);
        const uint32_t first = bits == 4 ? 8U * ((uint32_t)feature & 1U) : 4U * (uint32_t)feature;
        lane[0] = (int32_t)((word >> first) & mask);
        lane[1] = (int32_t)((word >> (first + 16U)) & mask);
        lane[2] = (int32_t)((word >> (first + (uint32_t)bits)) & mask);
        lane[3] = (int32_t)((word >> (first + (uint32_t)bits + 16U)) & mask);
      }
      for (int32_t i = 0; i < 4; ++i) {
        total[feature] += lane[i] * quads[i];
      }
    }
    weights += 2 * bits;
    quads += 4;
  }
  sums->f0 = total[0];
  sums->f1 = total[1];
  sums->f2 = total[2];
  sums->f3 = total[3];
  return weights;
}

#if SQTVM_DSP

/* The quad is in r2 and r3, packed weights in r4 to r7, unpacked ones in ip. */
#define SQTVM_DOT1X4_BYTES(raw, sum)          \
  "sxtb16 r12, " raw "\n\t"                   \
  "smlad %[" sum "], r12, r2, %[" sum "]\n\t" \
  "sxtb16 r12, " raw ", ror #8\n\t"           \
  "smlad %[" sum "], r12, r3, %[" sum "]\n\t"

#define SQTVM_DOT1X4_QUAD8                    \
  "ldrd r2, r3, [%[quads]], #8\n\t"           \
  "ldmia %[weights]!, {r4, r5, r6, r7}\n\t"   \
  SQTVM_DOT1X4_BYTES("r4", "f0")              \
  SQTVM_DOT1X4_BYTES("r5", "f1")              \
  SQTVM_DOT1X4_BYTES("r6", "f2")              \
  SQTVM_DOT1X4_BYTES("r7", "f3")

#define SQTVM_DOT1X4_LANES(raw, low, high, sum)  \
  "and r12, %[mask], " raw low "\n\t"            \
  "smlad %[" sum "], r12, r2, %[" sum "]\n\t"    \
  "and r12, %[mask], " raw ", lsr #" high "\n\t" \
  "smlad %[" sum "], r12, r3, %[" sum "]\n\t"

#define SQTVM_DOT1X4_QUAD4                         \
  "ldrd r2, r3, [%[quads]], #8\n\t"                \
  "ldrd r4, r5, [%[weights]], #8\n\t"              \
  SQTVM_DOT1X4_LANES("r4", "", "4", "f0")          \
  SQTVM_DOT1X4_LANES("r4", ", lsr #8", "12", "f1") \
  SQTVM_DOT1X4_LANES("r5", "", "4", "f2")          \
  SQTVM_DOT1X4_LANES("r5", ", lsr #8", "12", "f3")

#define SQTVM_DOT1X4_QUAD2                          \
  "ldrd r2, r3, [%[quads]], #8\n\t"                 \
  "ldr r4, [%[weights]], #4\n\t"                    \
  SQTVM_DOT1X4_LANES("r4", "", "2", "f0")           \
  SQTVM_DOT1X4_LANES("r4", ", lsr #4", "6", "f1")   \
  SQTVM_DOT1X4_LANES("r4", ", lsr #8", "10", "f2")  \
  SQTVM_DOT1X4_LANES("r4", ", lsr #12", "14", "f3")

#define SQTVM_DOT1X4_OPERANDS                                                             \
  [quads] "+r"(quads), [weights] "+r"(weights), [turns] "+r"(turns), [f0] "+r"(f0),       \
      [f1] "+r"(f1), [f2] "+r"(f2), [f3] "+r"(f3)

#define SQTVM_DOT1X4_LOOP8(count, body)                                                   \
  if ((count) > 0) {                                                                      \
    int32_t turns = (count);                                                              \
    __asm__ volatile("1:\n\t" body "subs %[turns], %[turns], #1\n\tbne 1b\n\t"            \
                     : SQTVM_DOT1X4_OPERANDS                                              \
                     :                                                                    \
                     : "r2", "r3", "r4", "r5", "r6", "r7", "r12", "cc", "memory");        \
  }

#define SQTVM_DOT1X4_LOOP(count, body)                                                    \
  if ((count) > 0) {                                                                      \
    int32_t turns = (count);                                                              \
    __asm__ volatile("1:\n\t" body "subs %[turns], %[turns], #1\n\tbne 1b\n\t"            \
                     : SQTVM_DOT1X4_OPERANDS                                              \
                     : [mask] "r"(mask)                                                   \
                     : "r2", "r3", "r4", "r5", "r12", "cc", "memory");                    \
  }

SQTVM_INLINE const uint8_t *sqtvm_dot1x4_dsp(const int16_t *quads, const uint8_t *weights,
                                             int32_t count, int32_t bits, sqtvm_features *sums) {
  int32_t f0 = sums->f0;
  int32_t f1 = sums->f1;
  int32_t f2 = sums->f2;
  int32_t f3 = sums->f3;
  if (bits == 8) {
    SQTVM_DOT1X4_LOOP8(count / 4, SQTVM_DOT1X4_QUAD8 SQTVM_DOT1X4_QUAD8 SQTVM_DOT1X4_QUAD8
                                      SQTVM_DOT1X4_QUAD8)
    SQTVM_DOT1X4_LOOP8(count % 4, SQTVM_DOT1X4_QUAD8)
  } else if (bits == 4) {
    const uint32_t mask = 0x000F000FU;
    SQTVM_DOT1X4_LOOP(count / 4, SQTVM_DOT1X4_QUAD4 SQTVM_DOT1X4_QUAD4 SQTVM_DOT1X4_QUAD4
                                     SQTVM_DOT1X4_QUAD4)
    SQTVM_DOT1X4_LOOP(count % 4, SQTVM_DOT1X4_QUAD4)
  } else {
    const uint32_t mask = 0x00030003U;
    SQTVM_DOT1X4_LOOP(count / 4, SQTVM_DOT1X4_QUAD2 SQTVM_DOT1X4_QUAD2 SQTVM_DOT1X4_QUAD2
                                     SQTVM_DOT1X4_QUAD2)
    SQTVM_DOT1X4_LOOP(count % 4, SQTVM_DOT1X4_QUAD2)
  }
  sums->f0 = f0;
  sums->f1 = f1;
  sums->f2 = f2;
  sums->f3 = f3;
  return weights;
}

#endif

/* Adds the products of `count` quads to four features; returns the next four's weights. */
SQTVM_INLINE const uint8_t *sqtvm_dot1x4(const int16_t *quads, const uint8_t *weights,
                                         int32_t count, int32_t bits, sqtvm_features *sums) {
#if SQTVM_DSP
  return sqtvm_dot1x4_dsp(quads, weights, count, bits, sums);
#else
  return sqtvm_dot1x4_portable(quads, weights, count, bits, sums);
#endif
}

/* x: int8 [in_features]; weights: features in fours, missing ones zero; parameters: as conv2d's,
 * a multiple of four channels; scratch: 8 bytes a quad. */
SQTVM_INLINE void sqtvm_linear(const int8_t *x, const uint8_t *weights, const int32_t *parameters,
                               int8_t *y, uint8_t *scratch, const sqtvm_linear_shape shape,
                               const sqtvm_requantization requantization) {
  const sqtvm_parameters head = sqtvm_head(parameters);
  int16_t *quads = (int16_t *)(void *)scratch;
  const int32_t whole = shape.in_features / 4 * 4;
  if (shape.in_features != shape.quads * 4) {
    memset(quads, 0, (uint32_t)shape.quads * 8U);
  }
  int32_t sum = sqtvm_expand_quads(x, whole, quads, 4, shape.weight_bits < 8, 0);
  for (int32_t k = whole; k < shape.in_features; ++k) {
    quads[sqtvm_quad_index(k, 4)] = x[k];
    sum += x[k];
  }
  const int32_t offset =
      shape.weight_bits < 8 ? -sum * (1 << (shape.weight_bits - 1)) : 0;
  const sqtvm_channel *channel = sqtvm_channels(parameters);
  for (int32_t feature = 0; feature < shape.out_features; feature += 4) {
    sqtvm_features sums = {channel[0].bias + offset, channel[1].bias + offset,
                           channel[2].bias + offset, channel[3].bias + offset};
    weights = sqtvm_dot1x4(quads, weights, shape.quads, shape.weight_bits, &sums);
    y[feature] = sqtvm_requantize(sums.f0, channel[0].multiplier, &head, requantization);
    if (feature + 1 < shape.out_features) {
      y[feature + 1] = sqtvm_requantize(sums.f1, channel[1].multiplier, &head, requantization);
    }
    if (feature + 2 < shape.out_features) {
      y[feature + 2] = sqtvm_requantize(sums.f2, channel[2].multiplier, &head, requantization);
    }
    if (feature + 3 < shape.out_features) {
      y[feature + 3] = sqtvm_requantize(sums.f3, channel[3].multiplier, &head, requantization);
    }
    channel += 4;
  }
}

#endif
