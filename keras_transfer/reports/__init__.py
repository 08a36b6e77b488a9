"""Figures, tables and pages of finished studies."""
