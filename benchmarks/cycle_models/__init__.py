"""The cycle models beside models that others made."""
