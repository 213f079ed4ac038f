"""Measurements: run by hand, never judged by a threshold."""
