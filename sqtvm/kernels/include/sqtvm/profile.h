/* Hooks around every layer, for firmware that measures itself; nothing at all otherwise. */
#ifndef SQTVM_PROFILE_H
#define SQTVM_PROFILE_H

#include <stdint.h>

#ifndef SQTVM_PROFILE
#define SQTVM_PROFILE 0
#endif

#if SQTVM_PROFILE
void sqtvm_layer_begin(uint32_t layer);
void sqtvm_layer_end(uint32_t layer);
#else
static inline void sqtvm_layer_begin(uint32_t layer) { (void)layer; }
static inline void sqtvm_layer_end(uint32_t layer) { (void)layer; }
#endif

#endif
