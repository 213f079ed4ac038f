"""The rules about Istio's own kinds, and about what Istio reads of others."""
