"""People: the command line and the terminal app. The only floor that reads the environment and opens accounts."""

__version__ = "0.1.0"
