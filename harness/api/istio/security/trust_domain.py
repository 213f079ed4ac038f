"""Trust domains: what a principal in a policy stands for while a mesh moves from one to another."""

from __future__ import annotations

_LOCAL = "cluster.local"
_PARTS = 5


def with_aliases(principal: str, domains: tuple[str, ...]) -> tuple[str, ...]:
    """Returns a principal of the mesh's trust domain (or of `cluster.local`) once for each of its domains.

    `domains` are the mesh's own and its aliases. Another's principal, one of any domain (`*/ns/…`), and
    what isn't `<domain>/ns/<namespace>/sa/<account>` stay as they are
    [istio/istio: pilot/pkg/security/trustdomain].
    """
    domain, _, rest = principal.partition("/")
    if principal.count("/") + 1 != _PARTS or domain == "*":
        return (principal,)
    if domain != _LOCAL and not any(_meant(domain, one) for one in domains):
        return (principal,)
    kept = domain.startswith("*")
    return tuple(
        principal if kept and one.endswith(domain[1:]) else f"{one}/{rest}" for one in dict.fromkeys(domains)
    )


def _meant(wanted: str, domain: str) -> bool:
    if wanted.startswith("*"):
        return domain.endswith(wanted[1:])
    return domain.startswith(wanted[:-1]) if wanted.endswith("*") else domain == wanted
