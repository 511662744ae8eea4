/* The hooks around each layer, declared in sqtvm/profile.h. The moves of a register to itself are
   where sqtvm's counting in the emulator begins and ends: all of the first hook but its return
   lies before the one, all of the second hook after the other. */

    .syntax unified
    .thumb

#if SQTVM_PROFILE
    .section .text.sqtvm_layer_begin, "ax", %progbits
    .global sqtvm_layer_begin
    .type sqtvm_layer_begin, %function
sqtvm_layer_begin:
    push {r4, lr}
    bl profile_begin
    pop {r4}
    pop {r3}                        /* Armv6-M cannot pop into lr */
    mov lr, r3
    mov r10, r10
    bx lr
    .size sqtvm_layer_begin, . - sqtvm_layer_begin

    .section .text.sqtvm_layer_end, "ax", %progbits
    .global sqtvm_layer_end
    .type sqtvm_layer_end, %function
sqtvm_layer_end:
    mov r11, r11
    b profile_end
    .size sqtvm_layer_end, . - sqtvm_layer_end
#endif
