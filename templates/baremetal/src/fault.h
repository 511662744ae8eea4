/* Text for fault reports. */

#ifndef FAULT_H
#define FAULT_H

#include <stdint.h>

void fault_text(const char *text);

/* The name, then the value in eight hexadecimal digits. */
void fault_value(const char *name, uint32_t value);

#endif
