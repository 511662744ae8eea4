/* A clip in the assembly of loops whose registers are all given. */
#ifndef SQTVM_CLIP_DSP_H
#define SQTVM_CLIP_DSP_H

/* value, low, high: names of registers; value becomes what is between low and high. */
#define SQTVM_CLIP(value, low, high)  \
  "cmp " value ", " low "\n\t"        \
  "it lt\n\t"                         \
  "movlt " value ", " low "\n\t"      \
  "cmp " value ", " high "\n\t"       \
  "it gt\n\t"                         \
  "movgt " value ", " high "\n\t"

#endif
