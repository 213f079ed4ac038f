"""Istio's Gateways, and the routes of VirtualServices bound to them."""
