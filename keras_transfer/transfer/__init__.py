"""Copying and freezing, and the proof of both."""
