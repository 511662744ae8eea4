#pragma once
#define DT_CHOSEN(property) stub_chosen_##property
#define stub_chosen_zephyr_console stub_console
