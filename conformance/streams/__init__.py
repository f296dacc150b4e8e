"""Test cases of the area: streams."""
