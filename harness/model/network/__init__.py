"""What Kubernetes' network does: names, Services and their pods, NetworkPolicies."""
