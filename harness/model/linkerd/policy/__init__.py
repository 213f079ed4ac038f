"""Linkerd's policies: who is let in."""
