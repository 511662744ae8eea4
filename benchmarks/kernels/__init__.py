"""Instructions of whole networks and their layers in the emulator."""
