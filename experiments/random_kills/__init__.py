"""Random kills of small studies; see `__main__.py`."""
