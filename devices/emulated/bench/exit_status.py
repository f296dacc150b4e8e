"""Exit statuses of the camera's process that mean something to the bench that started it."""

REBOOT = 42
"""The camera restarts itself: start it again over the same flash."""
