/* What every kernel family shares: attributes, requantization, the choice of the SIMD path. */
#ifndef SQTVM_COMMON_H
#define SQTVM_COMMON_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Generic kernels are inlined into one function a geometry, where every extent is a constant. */
#define SQTVM_INLINE static inline __attribute__((always_inline, unused))
#define SQTVM_KERNEL __attribute__((noinline))

/* A network with compact kernels says which bits its layers have, so that loops which nobody
 * calls are not linked; one with specialised kernels knows it from the constants. */
#ifdef SQTVM_COMPACT
#define SQTVM_SHARED static __attribute__((noinline, unused))
#else
#define SQTVM_COMPACT 0
#define SQTVM_SHARED SQTVM_INLINE
#endif
#ifndef SQTVM_CONV2D_BITS
#define SQTVM_CONV2D_BITS (8 | 4 | 2)
#endif
#ifndef SQTVM_LINEAR_BITS
#define SQTVM_LINEAR_BITS (8 | 4 | 2)
#endif

#if defined(__ARM_FEATURE_SIMD32) && defined(__ARM_FEATURE_DSP) && !defined(SQTVM_PORTABLE)
#define SQTVM_DSP 1
#else
#define SQTVM_DSP 0
#endif

/* Cores that issue two instructions at once (the build says so; no macro of GCC does) get other
 * orders and loads of the same loops. */
#ifndef SQTVM_DUAL_ISSUE
#define SQTVM_DUAL_ISSUE 0
#endif

/* Cores with Helium have the instructions of SQTVM_DSP too. */
#if defined(__ARM_FEATURE_MVE) && SQTVM_DSP
#define SQTVM_HELIUM 1
#else
#define SQTVM_HELIUM 0
#endif

/* How accumulators of a layer become int8; constants of the generated call. */
typedef struct {
  int32_t left_shift;
  /* Whether low and high are anything but -128 and 127. */
  int32_t clips;
} sqtvm_requantization;

/* The head of every weighted layer's parameters. */
typedef struct {
  int32_t input_zero_point;
  int32_t output_zero_point;
  int32_t low;
  int32_t high;
} sqtvm_parameters;

typedef struct {
  int32_t bias;
  int32_t multiplier;
} sqtvm_channel;

SQTVM_INLINE const sqtvm_channel *sqtvm_channels(const int32_t *parameters) {
  return (const sqtvm_channel *)(const void *)(parameters + 4);
}

SQTVM_INLINE sqtvm_parameters sqtvm_head(const int32_t *parameters) {
  const sqtvm_parameters head = {parameters[0], parameters[1], parameters[2], parameters[3]};
  return head;
}

/* ((accumulator * multiplier + 2^31) >> 32) + zero_point, rounded to nearest: one SMMLAR. */
SQTVM_INLINE int32_t sqtvm_scale(int32_t accumulator, int32_t multiplier, int32_t zero_point) {
#if SQTVM_DSP
  int32_t result;
  __asm__("smmlar %0, %1, %2, %3"
          : "=r"(result)
          : "r"(accumulator), "r"(multiplier), "r"(zero_point));
  return result;
#else
  const int64_t product = (int64_t)accumulator * multiplier + ((int64_t)1 << 31);
  return (int32_t)(product >> 32) + zero_point;
#endif
}

SQTVM_INLINE int32_t sqtvm_saturate(int32_t value) {
#if SQTVM_DSP
  int32_t result;
  __asm__("ssat %0, #8, %1" : "=r"(result) : "r"(value) : "cc");
  return result;
#else
  return value < -128 ? -128 : (value > 127 ? 127 : value);
#endif
}

SQTVM_INLINE int32_t sqtvm_clip(int32_t value, int32_t low, int32_t high) {
  return value < low ? low : (value > high ? high : value);
}

SQTVM_INLINE int8_t sqtvm_requantize(int32_t accumulator, int32_t multiplier,
                                     const sqtvm_parameters *head,
                                     sqtvm_requantization requantization) {
  const int32_t shifted = (int32_t)((uint32_t)accumulator << requantization.left_shift);
  const int32_t value = sqtvm_scale(shifted, multiplier, head->output_zero_point);
  if (requantization.clips) {
    return (int8_t)sqtvm_clip(value, head->low, head->high);
  }
  return (int8_t)sqtvm_saturate(value);
}

SQTVM_INLINE uint32_t sqtvm_load_word(const void *address) {
  uint32_t word;
  memcpy(&word, address, sizeof word);
  return word;
}

#if SQTVM_DSP
SQTVM_INLINE uint32_t sqtvm_sxtb16(uint32_t word) {
  uint32_t result;
  __asm__("sxtb16 %0, %1" : "=r"(result) : "r"(word));
  return result;
}

SQTVM_INLINE uint32_t sqtvm_sxtb16_ror8(uint32_t word) {
  uint32_t result;
  __asm__("sxtb16 %0, %1, ror #8" : "=r"(result) : "r"(word));
  return result;
}

SQTVM_INLINE uint32_t sqtvm_pkhbt16(uint32_t bottom, uint32_t top) {
  uint32_t result;
  __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(result) : "r"(bottom), "r"(top));
  return result;
}

SQTVM_INLINE int32_t sqtvm_smlad(uint32_t a, uint32_t b, int32_t accumulator) {
  int32_t result;
  __asm__("smlad %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(accumulator));
  return result;
}
#endif

#endif
