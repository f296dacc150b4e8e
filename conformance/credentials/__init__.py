"""Test cases of the area: credentials."""
