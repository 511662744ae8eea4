"""Loads models and data."""
