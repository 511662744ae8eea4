"""Compiles an integer network to C, through Relay, as a Model Library Format archive."""
