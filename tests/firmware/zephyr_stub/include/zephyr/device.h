#pragma once
#include <stdbool.h>

struct device {
    const char *name;
};

extern const struct device stub_console;

#define DEVICE_DT_GET(node) (&node)
bool device_is_ready(const struct device *dev);
