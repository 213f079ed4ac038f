"""Claims of a token, as its issuer may write them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from random import Random


def set_claim(claims: dict[str, Any], names: list[str], value: str, random: Random) -> None:
    """Sets a claim, sometimes as one of a list."""
    *outer, last = names
    for name in outer:
        claims = claims.setdefault(name, {})
        if not isinstance(claims, dict):
            return
    if last not in ("iss", "sub", "aud", "jti") and random.random() < 0.15:
        claims[last] = _no_text(value, random)
        return
    many = last not in ("iss", "sub") and random.random() < 0.3
    claims[last] = [value, "other"] if many else value


def _no_text(value: str, random: Random) -> object:
    """The number or truth that a text is, or any."""
    try:
        read = json.loads(value)
    except ValueError:
        read = None
    return read if isinstance(read, int | float) else random.choice([True, 7, -1.5])
