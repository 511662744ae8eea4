/* The core already runs at its clock. */

#include "drivers.h"

void clock_init(void)
{
}
