/* Loops that are unrolled and entered in the middle: the first round leaves `skipped` turns out,
 * so that any number of turns is a whole number of rounds. */
#ifndef SQTVM_UNROLL_H
#define SQTVM_UNROLL_H

#include "sqtvm/common.h"

#define SQTVM_UNROLLED8(turn)                                                               \
  "10:\n\t" turn "11:\n\t" turn "12:\n\t" turn "13:\n\t" turn "14:\n\t" turn "15:\n\t" turn \
  "16:\n\t" turn "17:\n\t" turn
#define SQTVM_ENTRIES8 \
  ".word 10b + 1, 11b + 1, 12b + 1, 13b + 1, 14b + 1, 15b + 1, 16b + 1, 17b + 1\n"

#if SQTVM_COMPACT
#define SQTVM_TURNS 4U
#define SQTVM_UNROLLED(turn) "10:\n\t" turn "11:\n\t" turn "12:\n\t" turn "13:\n\t" turn
#define SQTVM_ENTRIES ".word 10b + 1, 11b + 1, 12b + 1, 13b + 1\n"
#elif SQTVM_DUAL_ISSUE
#define SQTVM_TURNS 12U
#define SQTVM_UNROLLED(turn) \
  SQTVM_UNROLLED8(turn)      \
  "18:\n\t" turn "19:\n\t" turn "20:\n\t" turn "21:\n\t" turn
#define SQTVM_ENTRIES SQTVM_ENTRIES8 ".word 18b + 1, 19b + 1, 20b + 1, 21b + 1\n"
#else
#define SQTVM_TURNS 8U
#define SQTVM_UNROLLED SQTVM_UNROLLED8
#define SQTVM_ENTRIES SQTVM_ENTRIES8
#endif

/* Of `all` unrolled turns, where every round leaves out the first all - round. */
SQTVM_INLINE uint32_t sqtvm_skipped_of(uint32_t turns, uint32_t round, uint32_t all) {
  return all - 1U - (turns + round - 1U) % round;
}

SQTVM_INLINE uint32_t sqtvm_skipped(uint32_t turns) {
  return sqtvm_skipped_of(turns, SQTVM_TURNS, SQTVM_TURNS);
}

#endif
