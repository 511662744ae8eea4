/* What the RP2350's boot ROM looks for in the first 4 KB of the flash: a block that says what the
   image is, here an executable for the Arm cores in the secure state, whose vector table lies at
   its beginning. The ROM itself lets the flash be read. Named as in the data sheet, section
   "Metadata block details". */

    .section .boot, "a", %progbits
    .balign 4
    .word 0xFFFFDED3                /* PICOBIN_BLOCK_MARKER_START */
    .byte 0x42, 0x01                /* an item of one word: IMAGE_TYPE */
    .hword 0x1021                   /* executable, secure, Arm, RP2350 */
    .byte 0xFF                      /* the last item; the items before it are one word */
    .hword 0x0001
    .byte 0x00
    .word 0x00000000                /* the next block in the loop is this one */
    .word 0xAB123579                /* PICOBIN_BLOCK_MARKER_END */
