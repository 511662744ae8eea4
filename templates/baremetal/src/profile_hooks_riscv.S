/* The hooks around each layer, declared in sqtvm/profile.h. The moves of a register to itself are
   where counting in an emulator can begin and end: all of the first hook but its return lies before
   the one, all of the second hook after the other. */

#if SQTVM_PROFILE
    .section .text.sqtvm_layer_begin, "ax", @progbits
    .option norvc
    .global sqtvm_layer_begin
    .type sqtvm_layer_begin, @function
sqtvm_layer_begin:
    addi sp, sp, -16
    sw ra, 12(sp)
    call profile_begin
    lw ra, 12(sp)
    addi sp, sp, 16
    mv s10, s10
    ret
    .size sqtvm_layer_begin, . - sqtvm_layer_begin

    .section .text.sqtvm_layer_end, "ax", @progbits
    .global sqtvm_layer_end
    .type sqtvm_layer_end, @function
sqtvm_layer_end:
    mv s11, s11
    j profile_end
    .size sqtvm_layer_end, . - sqtvm_layer_end
#endif
