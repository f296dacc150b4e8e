"""Figures, each beside its peer in one run: ``python -m benchmarks [NAME ...]``."""
