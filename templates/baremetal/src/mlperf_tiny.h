/* The serial protocol of MLPerf Tiny, as EEMBC's EnergyRunner and MLCommons' runner speak it. */

#ifndef MLPERF_TINY_H
#define MLPERF_TINY_H

#include <stdint.h>

/* Announces itself and carries out commands for ever; call it once the platform is up. */
void mlperf_tiny_serve(void);

/* The two halves of the server, for applications with a loop of their own: the announcement, and
   one step that takes at most one byte from the UART. */
void mlperf_tiny_begin(void);
void mlperf_tiny_poll(void);

#if MLPERF_ENERGY
/* mlperf_edge.c. The pin idles high; an edge is low for more than the microsecond that energy
   monitors ask for. */
void mlperf_edge_init(void);
void mlperf_edge(void);
#endif

#endif
