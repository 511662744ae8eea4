"""The counting plugin's C source."""
