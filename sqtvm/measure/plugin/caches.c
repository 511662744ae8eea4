#include "caches.h"

#include <stdlib.h>
#include <string.h>

#include "instructions.h"

enum { LINE_BYTES = 32 };

struct range {
    uint64_t first;
    uint64_t end;
};

/* tags: by set, the one that was used last in front; 0 is none, because a tag is a line's number
   and one. */
struct cache {
    unsigned ways;
    unsigned sets;
    uint64_t *tags;
};

static struct range flash;
static struct range ram;
static struct cache code_cache;
static struct cache data_cache;
static uint64_t filled_lines[FILLED];

static bool within(const struct range *range, uint64_t address)
{
    return address >= range->first && address < range->end;
}

/* Whether the line was there; afterwards it is. */
static bool touch(struct cache *cache, uint64_t address)
{
    const uint64_t tag = address / LINE_BYTES + 1;
    uint64_t *tags = &cache->tags[(address / LINE_BYTES % cache->sets) * cache->ways];
    unsigned way = 0;
    while (way < cache->ways - 1 && tags[way] != tag) {
        way++;
    }
    const bool found = tags[way] == tag;
    memmove(&tags[1], &tags[0], way * sizeof *tags);
    tags[0] = tag;
    return found;
}

bool follows_code(void)
{
    return code_cache.tags != NULL;
}

bool follows_data(void)
{
    return data_cache.tags != NULL;
}

void access_data(uint64_t address)
{
    const bool from_flash = within(&flash, address);
    if ((from_flash || within(&ram, address)) && !touch(&data_cache, address)) {
        filled_lines[from_flash ? FLASH_DATA : RAM_DATA]++;
    }
}

void fetch_code(uint64_t start, uint64_t end)
{
    for (uint64_t at = start - start % LINE_BYTES; at < end; at += LINE_BYTES) {
        if (within(&flash, at) && !touch(&code_cache, at)) {
            filled_lines[CODE]++;
        }
    }
}

void take_fills(uint64_t fills[FILLED])
{
    memcpy(fills, filled_lines, sizeof filled_lines);
    memset(filled_lines, 0, sizeof filled_lines);
}

/* "a:b", both hexadecimal. */
static bool take_pair(const char *value, uint64_t *first, uint64_t *second)
{
    char *colon = NULL;
    *first = strtoull(value, &colon, 16);
    if (*colon != ':') {
        return false;
    }
    *second = strtoull(colon + 1, NULL, 16);
    return true;
}

static bool take_cache(const char *value, struct cache *cache)
{
    uint64_t ways = 0;
    uint64_t sets = 0;
    if (!take_pair(value, &ways, &sets) || ways == 0 || sets == 0) {
        return false;
    }
    cache->ways = (unsigned)ways;
    cache->sets = (unsigned)sets;
    cache->tags = allocate(ways * sets * sizeof *cache->tags);
    return true;
}

static bool is_named(const char *argument, size_t length, const char *name)
{
    return strlen(name) == length && strncmp(argument, name, length) == 0;
}

bool take_cache_argument(const char *name, size_t length, const char *value)
{
    if (is_named(name, length, "flash")) {
        return take_pair(value, &flash.first, &flash.end);
    }
    if (is_named(name, length, "ram")) {
        return take_pair(value, &ram.first, &ram.end);
    }
    if (is_named(name, length, "code_cache")) {
        return take_cache(value, &code_cache);
    }
    return is_named(name, length, "data_cache") && take_cache(value, &data_cache);
}
