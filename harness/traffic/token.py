"""A JWT as a client carries it."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.api.istio.security.claims import claim_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

STATED = {"alg": "RS256", "typ": "JWT", "signature": "stated"}
"""The header of a token that is given by its claims: who gives it states that its issuer signed it."""

_TIMES = frozenset(("exp", "nbf", "iat"))


@dataclass(frozen=True)
class Token:
    """A JWT by its claims alone (as JSON): its signature counts as its issuer's.

    The model believes it. No cluster's proxy does: it wants a token that was really signed, in a header.
    """

    payload: str

    @classmethod
    def of(cls, claims: Mapping[str, Any]) -> Token:
        return cls(json.dumps(claims, sort_keys=True))

    @classmethod
    def parse(cls, pairs: Iterable[str]) -> Token:
        """Returns the token of texts `NAME=VALUE`; a name that is repeated has a list.

        Nested names are written `a.b` or, where names themselves have dots, `[a][b]`. Values are text;
        those of exp, nbf and iat are seconds since 1970. Raises ValueError for anything else.
        """
        claims: dict[str, Any] = {}
        for pair in pairs:
            name, equals, text = pair.partition("=")
            path = claim_path(name)
            if not equals or not all(path):
                raise ValueError(f"{pair!r} isn't a claim: write NAME=VALUE")
            *outer, last = path
            inner = claims
            for part in outer:
                inner = inner.setdefault(part, {})
                if not isinstance(inner, dict):
                    raise ValueError(f"the claim {name!r} is inside of one that has a value")
            inner[last] = _joined(name, inner.get(last), _value(last, text))
        return cls.of(claims)

    @property
    def claims(self) -> dict[str, Any]:
        claims: dict[str, Any] = json.loads(self.payload)
        return claims

    @property
    def text(self) -> str:
        """The token as it is sent, in JWT's compact form."""
        parts = (json.dumps(STATED), self.payload, "stated")
        return ".".join(urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)


def _value(name: str, text: str) -> str | int:
    if name not in _TIMES:
        return text
    if not re.fullmatch("[0-9]{1,12}", text):
        raise ValueError(f"the claim {name!r} is a time in seconds since 1970, not {text!r}")
    return int(text)


def _joined(name: str, before: Any, value: str | int) -> Any:
    if before is None:
        return value
    if isinstance(before, dict):
        raise ValueError(f"the claim {name!r} has claims inside, so it can't have a value")
    return [*before, value] if isinstance(before, list) else [before, value]
