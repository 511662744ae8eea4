/* The benchmark application: the network served to the runners of MLPerf Tiny. */

#include "mlperf_tiny.h"
#include "platform.h"

int main(void)
{
    platform_init();
    mlperf_tiny_serve();
    return 0;
}
