/* The text of MLPerf Tiny's commands and answers. */

#ifndef MLPERF_TEXT_H
#define MLPERF_TEXT_H

#include <stdbool.h>
#include <stdint.h>

void say(const char *text);
void say_number(uint64_t value);
/* With three digits behind the point. */
void say_real(float value);
void say_hexadecimal(uint8_t value);
void say_count(const char *before, uint64_t count, const char *after);

/* The next part of a command, NULL behind the last one; rest moves on. */
char *next_part(char **rest);
/* False where the text is no number that fits. */
bool read_number(const char *text, uint32_t *number);
/* 16 for what is no digit. */
unsigned hexadecimal_digit(char c);

#endif
