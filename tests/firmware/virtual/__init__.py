"""Virtual boards: a core in Unicorn, and models of the peripherals that the firmware touches.

They know the hardware's rules from its manuals, not from the board files, and raise
HardwareRuleError on the step that breaks one.
"""
