"""Rewrites of Relay modules."""
