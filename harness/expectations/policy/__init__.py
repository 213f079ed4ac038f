"""Expectations on who may talk to whom, and how that is protected."""
