"""triangle: ReLU networks that are forced to use their depth, trained and counted from the command line."""

__version__ = "0.1.0"
