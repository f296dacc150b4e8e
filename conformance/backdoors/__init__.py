"""Test cases of the area: backdoors."""
