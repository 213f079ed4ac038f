"""Istio's routing rules, and what a proxy does by them."""
