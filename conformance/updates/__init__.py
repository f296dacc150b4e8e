"""Test cases of the area: updates."""
