"""Measures speed side by side: `python -m experiments.benchmark`."""
