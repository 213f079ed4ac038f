"""Istio's policies: who is let in."""
