"""The identities of pods in Linkerd's mesh, which are DNS names of their ServiceAccounts."""

from __future__ import annotations

import re

_DNS_NAME = r"^(\*|[a-z0-9]([-a-z0-9]*[a-z0-9])?)(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
_SPIFFE = "spiffe://"
_TRAILING = "have a trailing slash"

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


def fault(identity: str) -> str:
    """Returns why an identity can't be one, in the words of Linkerd's webhook; empty if it can.

    It is a DNS name, or a SPIFFE id, whose rules are SPIFFE's own [policy-controller: validation.rs].
    """
    if not identity.startswith(_SPIFFE):
        words = f"identity must be a valid SPIFFE id or a DNS SAN, matching the regex: {_DNS_NAME}"
        return "" if re.fullmatch(_DNS_NAME, identity, re.ASCII) else words
    domain, slash, path = identity.removeprefix(_SPIFFE).partition("/")
    if not domain:
        return "SPIFFE trust domain is missing"
    if not re.fullmatch(r"[a-z0-9\-._]+", domain):
        limits = "lowercase letters, numbers, dots, dashes, and underscores"
        return f"SPIFFE trust domain characters are limited to {limits}"
    *before, last = path.split("/")
    faults = [*(_segment(part, "contain empty segments") for part in before), _segment(last, _TRAILING)]
    return next(filter(None, faults), "") if slash else ""


def _segment(text: str, empty: str) -> str:
    """Why a text can't be a part of a SPIFFE id's path; `empty` is what is wrong if there is none."""
    if not re.fullmatch(r"[a-zA-Z0-9\-._]*", text):
        return "SPIFFE path segment characters are limited to letters, numbers, dots, dashes, and underscores"
    wrong = {"": empty, ".": "contain dot segments", "..": "contain dot segments"}.get(text)
    return f"SPIFFE path cannot {wrong}" if wrong else ""
