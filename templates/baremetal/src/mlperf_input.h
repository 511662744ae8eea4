/* The input that a runner of MLPerf Tiny loads: the command "db", and what becomes of its bytes.

   MLPERF_INPUT says what the bytes of such a file are: MLPERF_UINT8 and MLPERF_INT8 are the
   network's own quantized values, the first 128 higher, MLPERF_FLOAT32 real numbers, which are
   quantized here. */

#ifndef MLPERF_INPUT_H
#define MLPERF_INPUT_H

#include <stdbool.h>

#define MLPERF_UINT8 0
#define MLPERF_INT8 1
#define MLPERF_FLOAT32 2

/* Carries out what follows "db". */
void mlperf_input_command(char *arguments);

/* Before inferences: false, which is then said, where the input is not whole. */
bool mlperf_input_prepare(void);

/* To the network's input; before each inference, which overwrites it. */
void mlperf_input_copy(void);

#if MLPERF_INPUT == MLPERF_FLOAT32
const float *mlperf_input_reals(void);
#endif

#endif
