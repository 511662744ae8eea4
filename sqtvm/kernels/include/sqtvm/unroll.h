/* Loops that are unrolled and entered in the middle: the first round leaves `skipped` turns out,
 * so that any number of turns is a whole number of rounds. */
#ifndef SQTVM_UNROLL_H
#define SQTVM_UNROLL_H

#include "sqtvm/common.h"

#if SQTVM_COMPACT
#define SQTVM_TURNS 4U
#define SQTVM_UNROLLED(turn) "10:\n\t" turn "11:\n\t" turn "12:\n\t" turn "13:\n\t" turn
#define SQTVM_ENTRIES ".word 10b + 1, 11b + 1, 12b + 1, 13b + 1\n"
#elif SQTVM_DUAL_ISSUE
#define SQTVM_TURNS 12U
#define SQTVM_UNROLLED(turn)                                                                \
  "10:\n\t" turn "11:\n\t" turn "12:\n\t" turn "13:\n\t" turn "14:\n\t" turn "15:\n\t" turn \
  "16:\n\t" turn "17:\n\t" turn "18:\n\t" turn "19:\n\t" turn "20:\n\t" turn "21:\n\t" turn
#define SQTVM_ENTRIES                                                                       \
  ".word 10b + 1, 11b + 1, 12b + 1, 13b + 1, 14b + 1, 15b + 1, 16b + 1, 17b + 1\n"          \
  ".word 18b + 1, 19b + 1, 20b + 1, 21b + 1\n"
#else
#define SQTVM_TURNS 8U
#define SQTVM_UNROLLED(turn)                                                                \
  "10:\n\t" turn "11:\n\t" turn "12:\n\t" turn "13:\n\t" turn "14:\n\t" turn "15:\n\t" turn \
  "16:\n\t" turn "17:\n\t" turn
#define SQTVM_ENTRIES                                                                       \
  ".word 10b + 1, 11b + 1, 12b + 1, 13b + 1, 14b + 1, 15b + 1, 16b + 1, 17b + 1\n"
#endif

/* Where every round leaves out the first SQTVM_TURNS - round turns. */
SQTVM_INLINE uint32_t sqtvm_skipped_of(uint32_t turns, uint32_t round) {
  return SQTVM_TURNS - 1U - (turns + round - 1U) % round;
}

SQTVM_INLINE uint32_t sqtvm_skipped(uint32_t turns) {
  return SQTVM_TURNS - 1U - (turns + SQTVM_TURNS - 1U) % SQTVM_TURNS;
}

#endif
