"""Linkerd's routes, and what a client's proxy does by them."""
