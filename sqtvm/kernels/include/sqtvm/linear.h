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
  "smlad " sum ", r12, r2, " sum "\n\t" \
  "sxtb16 r12, " raw ", ror #8\n\t"           \
  "smlad " sum ", r12, r3, " sum "\n\t"

#define SQTVM_DOT1X4_QUAD8                    \
  "ldrd r2, r3, [r0], #8\n\t"           \
  "ldmia r1!, {r4, r5, r6, r7}\n\t"   \
  SQTVM_DOT1X4_BYTES("r4", "r8")              \
  SQTVM_DOT1X4_BYTES("r5", "r9")              \
  SQTVM_DOT1X4_BYTES("r6", "r10")              \
  SQTVM_DOT1X4_BYTES("r7", "r11")

#define SQTVM_DOT1X4_LANES(raw, low, high, sum)  \
  "and r12, r7, " raw low "\n\t"            \
  "smlad " sum ", r12, r2, " sum "\n\t"    \
  "and r12, r7, " raw ", lsr #" high "\n\t" \
  "smlad " sum ", r12, r3, " sum "\n\t"

#define SQTVM_DOT1X4_QUAD4                         \
  "ldrd r2, r3, [r0], #8\n\t"                \
  "ldrd r4, r5, [r1], #8\n\t"              \
  SQTVM_DOT1X4_LANES("r4", "", "4", "r8")          \
  SQTVM_DOT1X4_LANES("r4", ", lsr #8", "12", "r9") \
  SQTVM_DOT1X4_LANES("r5", "", "4", "r10")          \
  SQTVM_DOT1X4_LANES("r5", ", lsr #8", "12", "r11")

#define SQTVM_DOT1X4_QUAD2                          \
  "ldrd r2, r3, [r0], #8\n\t"                 \
  "ldr r4, [r1], #4\n\t"                    \
  SQTVM_DOT1X4_LANES("r4", "", "2", "r8")           \
  SQTVM_DOT1X4_LANES("r4", ", lsr #4", "6", "r9")   \
  SQTVM_DOT1X4_LANES("r4", ", lsr #8", "10", "r10")  \
  SQTVM_DOT1X4_LANES("r4", ", lsr #12", "14", "r11")

/* As dot2x2.h's: r8 to r11 are the four features, lr counts, r7 is the mask below 8 bits. */
#define SQTVM_DOT1X4_FUNCTION(name, mask_low, body)                                             \
  __attribute__((naked, noinline, unused)) static const uint8_t *name(                          \
      __attribute__((unused)) const int16_t *quads,                                             \
      __attribute__((unused)) const uint8_t *weights, __attribute__((unused)) int32_t count,    \
      __attribute__((unused)) sqtvm_features *sums) {                                           \
    __asm__ volatile("push {r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, lr}\n\t"                  \
                     "ldmia r3, {r8, r9, r10, r11}\n\t"                                        \
                     mask_low                                                                   \
                     "lsrs lr, r2, #2\n\t"                                                     \
                     "beq 2f\n"                                                                 \
                     "1:\n\t" body body body body                                              \
                     "subs lr, lr, #1\n\t"                                                     \
                     "bne 1b\n"                                                                 \
                     "2:\n\t"                                                                  \
                     "ldr r2, [sp]\n\t"                                                        \
                     "ands lr, r2, #3\n\t"                                                     \
                     "beq 4f\n"                                                                 \
                     "3:\n\t" body                                                             \
                     "subs lr, lr, #1\n\t"                                                     \
                     "bne 3b\n"                                                                 \
                     "4:\n\t"                                                                  \
                     "ldr r3, [sp, #4]\n\t"                                                    \
                     "stmia r3, {r8, r9, r10, r11}\n\t"                                        \
                     "mov r0, r1\n\t"                                                          \
                     "add sp, sp, #8\n\t"                                                      \
                     "pop {r4, r5, r6, r7, r8, r9, r10, r11, pc}\n\t");                         \
  }

SQTVM_DOT1X4_FUNCTION(sqtvm_dot1x4_w8, "", SQTVM_DOT1X4_QUAD8)
SQTVM_DOT1X4_FUNCTION(sqtvm_dot1x4_w4, "mov r7, #0x000F000F\n\t", SQTVM_DOT1X4_QUAD4)
SQTVM_DOT1X4_FUNCTION(sqtvm_dot1x4_w2, "mov r7, #0x00030003\n\t", SQTVM_DOT1X4_QUAD2)

#endif

/* Adds the products of `count` quads to four features; returns the next four's weights. */
SQTVM_INLINE const uint8_t *sqtvm_dot1x4(const int16_t *quads, const uint8_t *weights,
                                         int32_t count, int32_t bits, sqtvm_features *sums) {
#if SQTVM_DSP
  if ((SQTVM_LINEAR_BITS & 8) && bits == 8) {
    return sqtvm_dot1x4_w8(quads, weights, count, sums);
  }
  if ((SQTVM_LINEAR_BITS & 4) && bits == 4) {
    return sqtvm_dot1x4_w4(quads, weights, count, sums);
  }
#if SQTVM_LINEAR_BITS & 2
  return sqtvm_dot1x4_w2(quads, weights, count, sums);
#else
  return weights;
#endif
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
    const int32_t left = shape.out_features % 4 == 0 ? 4 : shape.out_features - feature;
    y[feature] = sqtvm_requantize(sums.f0, channel[0].multiplier, &head, requantization);
    if (left > 1) {
      y[feature + 1] = sqtvm_requantize(sums.f1, channel[1].multiplier, &head, requantization);
    }
    if (left > 2) {
      y[feature + 2] = sqtvm_requantize(sums.f2, channel[2].multiplier, &head, requantization);
    }
    if (left > 3) {
      y[feature + 3] = sqtvm_requantize(sums.f3, channel[3].multiplier, &head, requantization);
    }
    channel += 4;
  }
}

#endif
