/* Two caches, of code and of data, with lines of 32 bytes; the least recently used one makes way. */
#ifndef SQTVM_CACHES_H
#define SQTVM_CACHES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum filled { CODE, FLASH_DATA, RAM_DATA, FILLED };

/* Sets up a memory or a cache: `flash=` and `ram=` FIRST:END, `code_cache=` and `data_cache=`
   WAYS:SETS, hexadecimal; `name` is of `length` characters. False where it is none of these or its
   value is wrong. */
bool take_cache_argument(const char *name, size_t length, const char *value);

bool follows_code(void);
bool follows_data(void);

/* A read or write of data. */
void access_data(uint64_t address);

/* Instructions from `start` to before `end`. */
void fetch_code(uint64_t start, uint64_t end);

/* Lines that were filled since this was last called. */
void take_fills(uint64_t fills[FILLED]);

#endif
