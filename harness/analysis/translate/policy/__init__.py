"""Istio's policies, as Servers and authorizations of Linkerd's."""
