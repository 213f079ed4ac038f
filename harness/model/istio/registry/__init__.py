"""The hosts that a proxy of Istio knows."""
