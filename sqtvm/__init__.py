"""sqtvm: a PyTorch model in, microcontroller firmware that meets a budget out."""

__version__ = "0.1.0"
