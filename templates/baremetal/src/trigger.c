#include "trigger.h"

#include "board.h"
#include BOARD_GPIO_HEADER

void trigger_init(void)
{
    gpio_use_output(BOARD_TIMESTAMP_PORT, BOARD_TIMESTAMP_PIN);
}

void trigger_set(int high)
{
    gpio_write(BOARD_TIMESTAMP_PORT, BOARD_TIMESTAMP_PIN, high);
}
