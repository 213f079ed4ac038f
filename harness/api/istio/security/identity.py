"""Identities of workloads in Istio: SPIFFE names below trust domains, and what principals stand for."""

from __future__ import annotations

_SCHEME = "spiffe://"
_LOCAL = "cluster.local"
_PARTS = 5


def service_account(name: str, namespace: str, trust_domain: str) -> str:
    """Returns the identity of a ServiceAccount's pods."""
    return f"{_SCHEME}{trust_domain}/ns/{namespace}/sa/{name}"


def principal(identity: str) -> str:
    """Returns an identity as policies write it: without the scheme."""
    return identity.removeprefix(_SCHEME)


def trust_domain(identity: str) -> str:
    """Returns the trust domain that an identity is of."""
    return principal(identity).partition("/")[0]


def with_aliases(principal: str, domains: tuple[str, ...]) -> tuple[str, ...]:
    """Returns a principal of the mesh's trust domain (or of `cluster.local`) once for each of its domains.

    `domains` are the mesh's own and its aliases. Another's principal, one of any domain (`*/ns/…`), and
    what isn't `<domain>/ns/<namespace>/sa/<account>` stay as they are
    [istio/istio: pilot/pkg/security/trustdomain].
    """
    domain, _, rest = principal.partition("/")
    if principal.count("/") + 1 != _PARTS or domain == "*":
        return (principal,)
    if domain != _LOCAL and not any(_meant(domain, own) for own in domains):
        return (principal,)
    kept = domain.startswith("*")
    return tuple(
        principal if kept and own.endswith(domain[1:]) else f"{own}/{rest}" for own in dict.fromkeys(domains)
    )


def _meant(wanted: str, domain: str) -> bool:
    if wanted.startswith("*"):
        return domain.endswith(wanted[1:])
    return domain.startswith(wanted[:-1]) if wanted.endswith("*") else domain == wanted
