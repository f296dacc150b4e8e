"""WHAT a camera is and how it is reached; knows nothing of pytest or of rules."""
