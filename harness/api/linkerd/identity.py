"""The identities of pods in Linkerd's mesh, which are DNS names of their ServiceAccounts."""

from __future__ import annotations

_BELOW = ".serviceaccount.identity.linkerd."


def service_account(name: str, namespace: str, trust_domain: str) -> str:
    """Returns the identity of a ServiceAccount's pods, or with the name `*` of a namespace's."""
    return f"{name}.{namespace}{_BELOW}{trust_domain}"


def account_of(identity: str) -> tuple[str, str] | None:
    """Returns namespace and name of the ServiceAccount that an identity is of, None for a pattern."""
    account, separator, _ = identity.partition(_BELOW)
    name, _, namespace = account.partition(".")
    return (namespace, name) if separator and "*" not in identity else None


def admits(wanted: str, identity: str) -> bool:
    """Returns whether an identity is the wanted one: exact, `*` (any), `*.suffix` (by segments)."""
    if wanted == "*":
        return True
    if wanted.startswith("*."):
        return identity.endswith(wanted[1:])
    return wanted == identity
