"""Istio's gateways: their listeners, and the routes on them."""
