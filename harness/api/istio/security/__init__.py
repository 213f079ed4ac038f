"""Istio's security policies, and what its webhook refuses of them."""
