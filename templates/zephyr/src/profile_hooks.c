/* The hooks around each layer, declared in sqtvm/profile.h. */

#include "sqtvm/profile.h"

#if SQTVM_PROFILE

void profile_begin(uint32_t layer);
void profile_end(void);

void sqtvm_layer_begin(uint32_t layer)
{
    profile_begin(layer);
}

void sqtvm_layer_end(uint32_t layer)
{
    (void)layer;
    profile_end();
}

#endif
