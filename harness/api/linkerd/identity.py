"""Identities of workloads in Linkerd: DNS names below an installation's trust domain."""

from __future__ import annotations


def service_account(name: str, namespace: str, trust_domain: str) -> str:
    """Returns the identity of a ServiceAccount's pods, or with the name `*` of a namespace's."""
    return f"{name}.{namespace}.serviceaccount.identity.linkerd.{trust_domain}"


def admits(wanted: str, identity: str) -> bool:
    """Returns whether an identity is the wanted one: exact, `*` (any), `*.suffix` (by segments)."""
    if wanted == "*":
        return True
    if wanted.startswith("*."):
        return identity.endswith(wanted[1:])
    return wanted == identity
