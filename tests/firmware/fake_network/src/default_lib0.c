/* Constants, workspace and entry of a network of two layers, as TVM lays them out. */
#include <stdint.h>

__attribute__((section(".rodata.tvm"), ))
static const struct global_const_workspace {
  int8_t weight_let[6] __attribute__((aligned(16)));
} global_const_workspace = {
  .weight_let = {1, -2, 3, 4, -5, 6},
};
__attribute__((section(".bss.noinit.tvm"), aligned(8)))
static uint8_t global_workspace[64];
#include <tvmgen_default.h>
int32_t tvmgen_default___tvm_main__(void* input,void* output0,uint8_t* global_const_workspace_0_var,uint8_t* global_workspace_1_var);
int32_t tvmgen_default_run(struct tvmgen_default_inputs* inputs,struct tvmgen_default_outputs* outputs) {return tvmgen_default___tvm_main__(inputs->input,outputs->output,((uint8_t*)&global_const_workspace),((uint8_t*)&global_workspace));
}
