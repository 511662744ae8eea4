/* The pin that energy monitors watch, high while an inference runs; in projects for boards with
   such a pin. */

#ifndef TRIGGER_H
#define TRIGGER_H

void trigger_init(void);
void trigger_set(int high);

#endif
