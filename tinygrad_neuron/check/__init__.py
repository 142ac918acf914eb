"""Gradient checks."""
