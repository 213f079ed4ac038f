"""Requests, what came back of them, and what that proves."""
