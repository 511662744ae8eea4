"""What the cycle models' errors were found with."""
