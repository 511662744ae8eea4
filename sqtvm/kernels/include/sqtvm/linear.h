/* Fully connected layers: four output features at a time over one expanded input.
 *
 * Packed weights of four features, a quad at a time (offset-binary below 8 bits):
 *
 *   8 bits: 4 words, one a feature, bytes k0 k1 k2 k3
 *   4 bits: 2 words, features 0 1 and 2 3, each as a quad of tile3x2.h
 *   2 bits: 1 word, lane n of 2 bits at 2n and 16 + 2n: f0k0 f0k1 f1k0 f1k1 f2k0 ... beside
 *           f0k2 f0k3 ...
 */
#ifndef SQTVM_LINEAR_H
#define SQTVM_LINEAR_H

#include "sqtvm/clip_dsp.h"
#include "sqtvm/column.h"
#include "sqtvm/unroll.h"

/* quads: of the padded input. */
typedef struct {
  int32_t in_features;
  int32_t out_features;
  int32_t quads;
  int32_t weight_bits;
} sqtvm_linear_shape;

/* All of it words: the assembly finds them by their place. offset: what the offset of weights
 * below 8 bits adds to every feature, 0 at 8 bits; features: those still to come;
 * skipped: turns left out of the first round of the unrolled loop. */
typedef struct {
  const int16_t *quads;
  int32_t offset;
  const int16_t *quads_end;
  const int32_t *features_parameters;
  int32_t zero_point;
  int8_t *y;
  int32_t features;
  int32_t low;
  const uint8_t *weights;
  int32_t high;
  int32_t left_shift;
  uint32_t skipped;
} sqtvm_features;

SQTVM_INLINE void sqtvm_features_portable(sqtvm_features features, int32_t bits,
                                          sqtvm_requantization requantization) {
  const sqtvm_parameters head = {0, features.zero_point, features.low, features.high};
  for (; features.features > 0; features.features -= 4) {
    for (int32_t feature = 0; feature < 4; ++feature) {
      int32_t total = features.features_parameters[feature] + features.offset;
      const uint8_t *weights = features.weights;
      for (const int16_t *quad = features.quads; quad != features.quads_end; quad += 4) {
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
          const uint32_t first =
              bits == 4 ? 8U * ((uint32_t)feature & 1U) : 4U * (uint32_t)feature;
          lane[0] = (int32_t)((word >> first) & mask);
          lane[1] = (int32_t)((word >> (first + 16U)) & mask);
          lane[2] = (int32_t)((word >> (first + (uint32_t)bits)) & mask);
          lane[3] = (int32_t)((word >> (first + (uint32_t)bits + 16U)) & mask);
        }
        total += lane[0] * quad[0] + lane[1] * quad[1] + lane[2] * quad[2] + lane[3] * quad[3];
        weights += 2 * bits;
      }
      if (feature < features.features) {
        features.y[feature] = sqtvm_requantize(total, features.features_parameters[4 + feature],
                                               &head, requantization);
      }
    }
    features.weights += (features.quads_end - features.quads) / 4 * (2 * bits);
    features.features_parameters += 8;
    features.y += 4;
  }
}

#if SQTVM_DSP

/* The quad is in r2 and r3, packed weights in r4 to r7, lanes in lr and in place or in r6. Each
 * lane is taken one multiplication before the one that needs it, which then need not wait. */
#define SQTVM_DOT1X4_QUAD8                                                                      \
  "ldrd r2, r3, [r0], #8\n\t"                                                                   \
  "ldmia r1!, {r4, r5, r6, r7}\n\t"                                                             \
  "sxtb16 lr, r4\n\t"                                                                          \
  "sxtb16 r4, r4, ror #8\n\t"                                                                   \
  "smlad r8, lr, r2, r8\n\t"                                                                   \
  "sxtb16 lr, r5\n\t"                                                                          \
  "smlad r8, r4, r3, r8\n\t"                                                                    \
  "sxtb16 r5, r5, ror #8\n\t"                                                                   \
  "smlad r9, lr, r2, r9\n\t"                                                                   \
  "sxtb16 lr, r6\n\t"                                                                          \
  "smlad r9, r5, r3, r9\n\t"                                                                    \
  "sxtb16 r6, r6, ror #8\n\t"                                                                   \
  "smlad r10, lr, r2, r10\n\t"                                                                 \
  "sxtb16 lr, r7\n\t"                                                                          \
  "smlad r10, r6, r3, r10\n\t"                                                                  \
  "sxtb16 r7, r7, ror #8\n\t"                                                                   \
  "smlad r11, lr, r2, r11\n\t"                                                                 \
  "smlad r11, r7, r3, r11\n\t"

/* Words and shifts of the eight lanes, two a feature. */
#define SQTVM_DOT1X4_LANES(f0h0, f0h1, f1h0, f1h1, f2h0, f2h1, f3h0, f3h1)                      \
  "and lr, r7, " f0h0 "\n\t"                                                                   \
  "and r6, r7, " f0h1 "\n\t"                                                                    \
  "smlad r8, lr, r2, r8\n\t"                                                                   \
  "and lr, r7, " f1h0 "\n\t"                                                                   \
  "smlad r8, r6, r3, r8\n\t"                                                                    \
  "and r6, r7, " f1h1 "\n\t"                                                                    \
  "smlad r9, lr, r2, r9\n\t"                                                                   \
  "and lr, r7, " f2h0 "\n\t"                                                                   \
  "smlad r9, r6, r3, r9\n\t"                                                                    \
  "and r6, r7, " f2h1 "\n\t"                                                                    \
  "smlad r10, lr, r2, r10\n\t"                                                                 \
  "and lr, r7, " f3h0 "\n\t"                                                                   \
  "smlad r10, r6, r3, r10\n\t"                                                                  \
  "and r6, r7, " f3h1 "\n\t"                                                                    \
  "smlad r11, lr, r2, r11\n\t"                                                                 \
  "smlad r11, r6, r3, r11\n\t"

#define SQTVM_DOT1X4_QUAD4                                                                      \
  "ldrd r2, r3, [r0], #8\n\t"                                                                   \
  "ldrd r4, r5, [r1], #8\n\t"                                                                   \
  SQTVM_DOT1X4_LANES("r4", "r4, lsr #4", "r4, lsr #8", "r4, lsr #12", "r5", "r5, lsr #4",       \
                     "r5, lsr #8", "r5, lsr #12")

#define SQTVM_DOT1X4_QUAD2                                                                      \
  "ldrd r2, r3, [r0], #8\n\t"                                                                   \
  "ldr r4, [r1], #4\n\t"                                                                        \
  SQTVM_DOT1X4_LANES("r4", "r4, lsr #2", "r4, lsr #4", "r4, lsr #6", "r4, lsr #8",              \
                     "r4, lsr #10", "r4, lsr #12", "r4, lsr #14")

#define SQTVM_FEATURES_SCALE                                                                    \
  "smmlar r8, r8, r2, r6\n\t"                                                                   \
  "smmlar r9, r9, r3, r6\n\t"                                                                   \
  "smmlar r10, r10, r4, r6\n\t"                                                                 \
  "smmlar r11, r11, r5, r6\n\t"

#define SQTVM_FEATURES_REQUANTIZE                                                               \
  SQTVM_FEATURES_SCALE                                                                          \
  "ssat r8, #8, r8\n\t"                                                                         \
  "ssat r9, #8, r9\n\t"                                                                         \
  "ssat r10, #8, r10\n\t"                                                                       \
  "ssat r11, #8, r11\n\t"

/* Any shift and any clip. */
#define SQTVM_FEATURES_REQUANTIZE_ANY                                                           \
  "ldr r0, [sp, #36]\n\t"                                                                       \
  "lsl r8, r8, r0\n\t"                                                                          \
  "lsl r9, r9, r0\n\t"                                                                          \
  "lsl r10, r10, r0\n\t"                                                                        \
  "lsl r11, r11, r0\n\t" SQTVM_FEATURES_SCALE                                                   \
  "ldrd r2, r3, [sp, #28]\n\t" SQTVM_CLIP("r8", "r2", "r3")                                        \
  SQTVM_CLIP("r9", "r2", "r3") SQTVM_CLIP("r10", "r2", "r3") SQTVM_CLIP("r11", "r2", "r3")

/* The whole loop over features is one function a width, as tile3x2.h's over channels: r8 to r11
 * are four features, r7 is the mask below 8 bits, and the rest stands at sp. */
#define SQTVM_FEATURES_FUNCTION(name, mask, offset, turn, requantize)                           \
  __attribute__((naked, noinline, unused)) static void name(                                    \
      __attribute__((unused)) const sqtvm_features *features) {                                 \
    __asm__ volatile("push {r4, r5, r6, r7, r8, r9, r10, r11, lr}\n\t"                          \
                     "sub sp, sp, #44\n\t"                                                      \
                     "mov r12, sp\n\t"                                                          \
                     "ldmia r0!, {r1, r2, r3, r4, r5, r6, r7, r8}\n\t"                          \
                     "stmia r12!, {r1, r2, r3, r4, r5, r6, r7, r8}\n\t"                         \
                     "ldmia r0, {r1, r2, r3, r4}\n\t"                                           \
                     "adr r5, 9f\n\t"                                                           \
                     "ldr r4, [r5, r4, lsl #2]\n\t"                                             \
                     "stmia r12, {r2, r3, r4}\n\t" mask                                         \
                     "0:\n\t"                                                                   \
                     "ldmia sp, {r0, r2, r12, lr}\n\t"                                          \
                     "ldmia lr!, {r8, r9, r10, r11}\n\t"                                        \
                     "str lr, [sp, #12]\n\t" offset                                             \
                     "ldr pc, [sp, #40]\n"                                                      \
                     SQTVM_UNROLLED(turn)                                                       \
                     "cmp r0, r12\n\t"                                                          \
                     "bne 10b\n\t"                                                              \
                     "ldrd lr, r6, [sp, #12]\n\t"                                               \
                     "ldmia lr!, {r2, r3, r4, r5}\n\t"                                          \
                     "str lr, [sp, #12]\n\t" requantize                                         \
                     "ldrd r0, r2, [sp, #20]\n\t"                                               \
                     "strb r8, [r0], #4\n\t"                                                    \
                     "subs r2, r2, #4\n\t"                                                      \
                     "blt 4f\n\t"                                                               \
                     "strb r9, [r0, #-3]\n\t"                                                   \
                     "strb r10, [r0, #-2]\n\t"                                                  \
                     "strb r11, [r0, #-1]\n\t"                                                  \
                     "strd r0, r2, [sp, #20]\n\t"                                               \
                     "bne 0b\n\t"                                                               \
                     "b 8f\n"                                                                   \
                     "4:\n\t"                                                                   \
                     "cmn r2, #2\n\t"                                                           \
                     "blt 8f\n\t"                                                               \
                     "strb r9, [r0, #-3]\n\t"                                                   \
                     "beq 8f\n\t"                                                               \
                     "strb r10, [r0, #-2]\n"                                                    \
                     "8:\n\t"                                                                   \
                     "add sp, sp, #44\n\t"                                                      \
                     "pop {r4, r5, r6, r7, r8, r9, r10, r11, pc}\n\t"                           \
                     ".balign 4\n"                                                              \
                     "9:\n\t"                                                                   \
                     SQTVM_ENTRIES);                                                            \
  }

#define SQTVM_FEATURES_OFFSET                                                                   \
  "add r8, r8, r2\n\t"                                                                          \
  "add r9, r9, r2\n\t"                                                                          \
  "add r10, r10, r2\n\t"                                                                        \
  "add r11, r11, r2\n\t"

#define SQTVM_FEATURES_FUNCTIONS(width, mask, offset, turn)                                     \
  SQTVM_FEATURES_FUNCTION(sqtvm_features_w##width, mask, offset, turn,                          \
                          SQTVM_FEATURES_REQUANTIZE)                                            \
  SQTVM_FEATURES_FUNCTION(sqtvm_features_any_w##width, mask, offset, turn,                      \
                          SQTVM_FEATURES_REQUANTIZE_ANY)

SQTVM_FEATURES_FUNCTIONS(8, "", "", SQTVM_DOT1X4_QUAD8)
SQTVM_FEATURES_FUNCTIONS(4, "mov r7, #0x000F000F\n\t", SQTVM_FEATURES_OFFSET,
                         SQTVM_DOT1X4_QUAD4)
SQTVM_FEATURES_FUNCTIONS(2, "mov r7, #0x00030003\n\t", SQTVM_FEATURES_OFFSET,
                         SQTVM_DOT1X4_QUAD2)

#define SQTVM_FEATURES_CALL(width)                                                              \
  if (any) {                                                                                    \
    sqtvm_features_any_w##width(features);                                                      \
  } else {                                                                                      \
    sqtvm_features_w##width(features);                                                          \
  }

#endif

/* y = requantize(bias + offset + quads times weights), for every feature. */
SQTVM_INLINE void sqtvm_all_features(const sqtvm_features *features, int32_t bits,
                                     sqtvm_requantization requantization) {
#if SQTVM_DSP
  const int32_t any = requantization.clips || requantization.left_shift;
  if ((SQTVM_LINEAR_BITS & 8) && bits == 8) {
    SQTVM_FEATURES_CALL(8)
  }
  if ((SQTVM_LINEAR_BITS & 4) && bits == 4) {
    SQTVM_FEATURES_CALL(4)
  }
  if ((SQTVM_LINEAR_BITS & 2) && bits == 2) {
    SQTVM_FEATURES_CALL(2)
  }
#else
  sqtvm_features_portable(*features, bits, requantization);
#endif
}

/* x: int8 [in_features], on a word; weights: features in fours, missing ones zero; parameters:
 * sqtvm_parameters, then four biases and four multipliers for every four features; scratch:
 * 8 bytes a quad. */
SQTVM_INLINE void sqtvm_linear(const int8_t *x, const uint8_t *weights, const int32_t *parameters,
                               int8_t *y, uint8_t *scratch, const sqtvm_linear_shape shape,
                               const sqtvm_requantization requantization) {
  const sqtvm_parameters head = sqtvm_head(parameters);
  int16_t *quads = (int16_t *)(void *)scratch;
  const int32_t whole = shape.in_features & ~3;
  const int32_t needs_sum = shape.weight_bits < 8;
  int32_t sum = sqtvm_expand_quads(x, whole, quads, needs_sum);
  if (whole != shape.in_features) {
    _Alignas(4) int8_t rest[4] = {0, 0, 0, 0};
    for (int32_t k = whole; k < shape.in_features; ++k) {
      rest[k - whole] = x[k];
    }
    sum += sqtvm_expand_quads(rest, 4, quads + whole, needs_sum);
  }
  const sqtvm_features features = {quads,
                                   needs_sum ? -sum * (1 << (shape.weight_bits - 1)) : 0,
                                   quads + shape.quads * 4,
                                   parameters + 4,
                                   head.output_zero_point,
                                   y,
                                   shape.out_features,
                                   head.low,
                                   weights,
                                   head.high,
                                   requantization.left_shift,
                                   sqtvm_skipped((uint32_t)shape.quads)};
  sqtvm_all_features(&features, shape.weight_bits, requantization);
}

#endif
