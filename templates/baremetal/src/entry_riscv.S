/* Where the core begins, and where it goes when something is wrong. */

    .section .vectors, "ax", @progbits
    .global reset_handler
    .type reset_handler, @function
reset_handler:
    csrw mie, zero
    la sp, stack_top
    la t0, fault_handler
    csrw mtvec, t0
    j start
    .size reset_handler, . - reset_handler

/* A stack that ran over, or nearly, is begun anew for the report. */
    .section .text.fault_handler, "ax", @progbits
    .balign 4
    .type fault_handler, @function
fault_handler:
    mv a0, sp
    mv a1, ra
    la t0, stack_bottom + 512
    bgeu sp, t0, 1f
    la sp, stack_top
1:
    j fault_report
    .size fault_handler, . - fault_handler
