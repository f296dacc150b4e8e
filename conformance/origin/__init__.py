"""Test cases of the area: origin."""
