/* hidden = x * weight, then output[i] = hidden[i] + hidden[i + 3], both clipped to int8. An input
   that begins with 127 is an undefined instruction, with 126 a stack that runs over. */
#include <stdint.h>
#include "sqtvm/profile.h"

int32_t tvmgen_default___tvm_main__(int8_t* input_buffer_var, int8_t* output_buffer_var, uint8_t* global_const_workspace_0_var, uint8_t* global_workspace_1_var);

static int8_t clip(int32_t value) {
  return (int8_t)(value < -128 ? -128 : (value > 127 ? 127 : value));
}

static __attribute__((noinline)) int32_t run_over(int32_t depth) {
  volatile int32_t frame[16];
  frame[depth & 15] = depth;
  return depth == 0 ? 0 : run_over(depth - 1) + frame[depth & 15];
}

static void multiply(const int8_t* p0, const uint8_t* weight, int8_t* result) {
  sqtvm_layer_begin(0);
  for (int32_t i = 0; i < 6; ++i) {
    result[i] = clip(p0[i] * ((const int8_t*)weight)[i]);
  }
  sqtvm_layer_end(0);
}

static void add(const int8_t* p0, int8_t* result) {
  sqtvm_layer_begin(1);
  for (int32_t i = 0; i < 3; ++i) {
    result[i] = clip(p0[i] + p0[i + 3]);
  }
  sqtvm_layer_end(1);
}

int32_t tvmgen_default___tvm_main__(int8_t* input_buffer_var, int8_t* output_buffer_var, uint8_t* global_const_workspace_0_var, uint8_t* global_workspace_1_var) {
  if (input_buffer_var[0] == 127) __builtin_trap();
  if (input_buffer_var[0] == 126) return run_over(1 << 20);
  multiply(input_buffer_var, global_const_workspace_0_var, (int8_t*)global_workspace_1_var);
  add((const int8_t*)global_workspace_1_var, output_buffer_var);
  return 0;
}
