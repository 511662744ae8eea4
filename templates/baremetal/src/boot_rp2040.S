/* The second stage of the RP2040's boot: its ROM copies these 256 bytes from the flash's beginning
   to RAM, checks their CRC and runs them. They let the flash be read at its addresses, by the
   command that every serial flash knows, and go on at the vector table behind them. Registers are
   named as in the data sheet, section "SSI". */

    .syntax unified
    .thumb
    .section .boot, "ax", %progbits
    .balign 4

    .equ XIP_SSI_BASE, 0x18000000
    .equ SSI_CTRLR0, 0x00
    .equ SSI_CTRLR1, 0x04
    .equ SSI_SSIENR, 0x08
    .equ SSI_BAUDR, 0x14
    .equ SSI_SPI_CTRLR0, 0xF4
    .equ SCB_VTOR, 0xE000ED08
    .equ VECTORS, 0x10000100

begin:
    ldr r0, ssi
    movs r1, #0
    str r1, [r0, #SSI_SSIENR]
    movs r1, #4                     /* a quarter of the core's clock */
    str r1, [r0, #SSI_BAUDR]
    ldr r1, frame
    str r1, [r0, #SSI_CTRLR0]
    movs r1, #0                     /* one frame a read */
    str r1, [r0, #SSI_CTRLR1]
    movs r2, #SSI_SPI_CTRLR0
    ldr r1, command
    str r1, [r0, r2]
    movs r1, #1
    str r1, [r0, #SSI_SSIENR]

    ldr r0, vectors
    ldr r1, vector_register
    str r0, [r1]
    ldr r1, [r0]
    msr msp, r1
    ldr r1, [r0, #4]
    bx r1

    .balign 4
ssi:
    .word XIP_SSI_BASE
frame:                              /* one data line, 32 bits, EEPROM read */
    .word (31 << 16) | (3 << 8)
command:                            /* 03h read: 8 bits of command, 24 of address, one line */
    .word (0x03 << 24) | (2 << 8) | (6 << 2)
vectors:
    .word VECTORS
vector_register:
    .word SCB_VTOR

    .space 252 - (. - begin)
    .word 0xA9AFB3E3                /* CRC-32 of the 252 bytes: polynomial 04C11DB7, not reflected,
                                       initial value FFFFFFFF, no final exclusive-or */
