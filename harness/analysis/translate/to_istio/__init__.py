"""Linkerd's configuration for Istio: injection, routes, and who may reach which port."""
