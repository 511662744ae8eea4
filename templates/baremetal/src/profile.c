/* The cycles of each layer in the order of execution. The hooks that the kernels call are in
   profile_hooks.S, because nothing of them may stand between the layers' markers. */

#include "network.h"
#include "platform.h"

#if SQTVM_PROFILE

void profile_begin(uint32_t layer);
void profile_end(void);

static struct profile_entry entries[NETWORK_LAYER_COUNT];
static uint32_t entry_count;
static uint32_t open_layer;
static uint64_t open_since;

void profile_begin(uint32_t layer)
{
    open_layer = layer;
    open_since = platform_cycles();
}

void profile_end(void)
{
    const uint64_t cycles = platform_cycles() - open_since;
    if (entry_count < NETWORK_LAYER_COUNT) {
        entries[entry_count].layer = open_layer;
        entries[entry_count].cycles = cycles;
        entry_count++;
    }
}

uint32_t profile_count(void)
{
    return entry_count;
}

const struct profile_entry *profile_entries(void)
{
    return entries;
}

void profile_reset(void)
{
    entry_count = 0;
}

#else

uint32_t profile_count(void)
{
    return 0;
}

const struct profile_entry *profile_entries(void)
{
    static const struct profile_entry none = {0, 0};
    return &none;
}

void profile_reset(void)
{
}

#endif
