"""camproof: the front door. The command line and the running of one assessment."""

__version__ = "0.1.0"
