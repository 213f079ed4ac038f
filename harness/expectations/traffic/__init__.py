"""Expectations on what comes back of requests."""
