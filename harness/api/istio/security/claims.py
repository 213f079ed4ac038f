"""Claims of a token that was verified: how rules look into them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from harness.base.explored import OpenClaims

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_ROUTING = "@request.auth.claims"
_SPACE_DELIMITED = ("scope", "permission")


def texts(claims: Mapping[str, Any] | None, path: Iterable[str]) -> tuple[str, ...]:
    """Returns the texts at a path: a text, or those of a list; numbers and the like match nothing."""
    if isinstance(claims, OpenClaims):
        return claims.texts(path)
    value: Any = claims
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    listed = value if isinstance(value, list) else [value]
    return tuple(text for text in listed if isinstance(text, str))


def bracketed(key: str) -> tuple[str, ...]:
    """Returns the names in `request.auth.claims[a][b]`; brackets that don't pair are one name's."""
    inside = key[key.index("[") :]
    names = re.findall(r"\[([^\[\]]+)\]", inside)
    return tuple(names) if "".join(f"[{name}]" for name in names) == inside else (inside[1:-1],)


def routed_by(header: str) -> tuple[str, ...] | None:
    """Returns the claim that a VirtualService's match names in the guise of a header; None for others."""
    name = header[len(_ROUTING) :]
    if not header.lower().startswith(_ROUTING) or not re.fullmatch(r"\..+|\[.+\]", name):
        return None
    return claim_path(name.removeprefix("."))


def normalized(claims: Mapping[str, Any], space_delimited: Iterable[str]) -> dict[str, Any]:
    """Returns the claims with `scope`, `permission`, and those named here split into lists at spaces."""
    names = {*_SPACE_DELIMITED, *space_delimited}
    if isinstance(claims, OpenClaims):
        return OpenClaims(claims.journal, spaced=names)
    return {
        name: value.split() if name in names and isinstance(value, str) else value
        for name, value in claims.items()
    }


def claim_path(name: str) -> tuple[str, ...]:
    """Returns the names that lead to a nested claim, from `a.b` or `[a][b]` as Istio writes them."""
    if re.fullmatch(r"\[.+\]", name):
        return tuple(name[1:-1].split("]["))
    return tuple(name.split("."))
