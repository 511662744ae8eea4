"""Quantization: a float graph and the bits of its layers to a network of exact integers."""
