"""Hostile and broken inputs on every door: one clear line, a status, nothing lost."""
