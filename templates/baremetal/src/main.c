/* The measuring application: the network served over the UART. */

#include "platform.h"
#include "protocol.h"

int main(void)
{
    platform_init();
    sqtvm_protocol_serve();
    return 0;
}
