"""Istio's kinds, and what its webhook refuses."""
