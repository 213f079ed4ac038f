"""Whose clusters and objects are, and what dead runs left behind."""
