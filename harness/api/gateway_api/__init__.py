"""The Gateway API's kinds."""

GROUP = "gateway.networking.k8s.io"
"""The API group that they are of."""
