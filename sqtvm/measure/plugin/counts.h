/* What the parts of an inference executed, and the table of it. */
#ifndef SQTVM_COUNTS_H
#define SQTVM_COUNTS_H

#include <stdbool.h>

enum { OUTSIDE = -1 };

/* Forgets all that was collected. */
void forget_counts(void);

/* Moves what was executed and filled since the last call to `segment`, or drops it. */
void collect_counts(int segment, bool keep);

/* Writes the table to `path`, whole or not at all; ends QEMU where that cannot be. */
void write_counts(const char *path, int layers);

#endif
