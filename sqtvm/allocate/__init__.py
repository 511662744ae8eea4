"""Chooses the bits of every layer for a budget."""
