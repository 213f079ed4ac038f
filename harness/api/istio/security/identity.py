"""Identities of workloads in Istio: SPIFFE names below a mesh's trust domain."""

from __future__ import annotations

_SCHEME = "spiffe://"


def service_account(name: str, namespace: str, trust_domain: str) -> str:
    """Returns the identity of a ServiceAccount's pods."""
    return f"{_SCHEME}{trust_domain}/ns/{namespace}/sa/{name}"


def principal(identity: str) -> str:
    """Returns an identity as policies write it: without the scheme."""
    return identity.removeprefix(_SCHEME)


def trust_domain(identity: str) -> str:
    """Returns the trust domain that an identity is of."""
    return principal(identity).partition("/")[0]
