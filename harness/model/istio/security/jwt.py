"""JSON Web Tokens: how Envoy reads and verifies one, and what it says of a bad one.

Order of the checks and words are those of Envoy's JWT library [envoy: source/common/jwt].
"""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING, Any

from harness.api.istio.security import claims
from harness.base.explored import OpenClaims
from harness.base.matching import Asking
from harness.traffic.request import STATED

if TYPE_CHECKING:
    from collections.abc import Mapping

MISSING = "Jwt is missing"
UNKNOWN_ISSUER = "Jwt issuer is not configured"
AUDIENCE = "Audiences in Jwt are not allowed"
NO_KEYS = "Jwks doesn't have any valid public key"
_NO_KEY = "Jwks doesn't have key to match kid or alg from Jwt"
_BAD_SIGNATURE = "Jwt verification fails"

_SKEW = 60
"""Seconds by which clocks may differ."""

_ALGORITHMS = frozenset(
    "ES256 ES384 ES512 HS256 HS384 HS512 RS256 RS384 RS512 PS256 PS384 PS512 EdDSA".split()
)


class Invalid(Exception):  # noqa: N818
    """A token that Envoy refuses; the message is Envoy's word for it."""


@dataclass(frozen=True)
class Jwt:
    """A token that was read, and not verified yet; `payload` is its middle part as it was sent."""

    algorithm: str
    key_id: str
    claims: Mapping[str, Any]
    payload: str
    signed: bytes
    signature: bytes
    stated: bool
    """Whether it was given by its claims, its signature to be taken for its issuer's."""

    @property
    def issuer(self) -> str:
        issuer: str = self.claims.get("iss", "")
        return issuer

    @property
    def audiences(self) -> tuple[str, ...]:
        return claims.texts(self.claims, ["aud"])

    def check_times(self, now: float) -> None:
        """Raises Invalid if the token isn't valid yet, or not any more, `now` (seconds since 1970).

        The times of explored tokens are good.
        """
        if isinstance(self.claims, OpenClaims):
            return
        if now + _SKEW < self.claims.get("nbf", 0):
            raise Invalid("Jwt not yet valid")
        expires = self.claims.get("exp", 0)
        if expires and now > expires + _SKEW:
            raise Invalid("Jwt is expired")

    def check_audience(self, allowed: tuple[str, ...]) -> None:
        """Raises Invalid if none of its audiences is allowed; nothing allowed allows all."""
        wanted = frozenset(map(_audience, allowed))
        if wanted and not any(_is_among(audience, wanted) for audience in self.audiences):
            raise Invalid(AUDIENCE)

    def check_signature(self, jwks: str) -> None:
        """Raises Invalid if no key of a JWKS signed the token."""
        keys = _keys(jwks)
        if not keys:
            raise Invalid(NO_KEYS)
        fitting = [key for key in keys if self._fits(key)]
        if not fitting:
            raise Invalid(_NO_KEY)
        if not any(self._signed_by(key) for key in fitting):
            raise Invalid(_BAD_SIGNATURE)

    def _fits(self, key: Mapping[str, str]) -> bool:
        same_id = not (self.key_id and key.get("kid")) or key["kid"] == self.key_id
        return same_id and key.get("alg", self.algorithm) == self.algorithm

    def _signed_by(self, key: Mapping[str, str]) -> bool:
        from jwt import PyJWK  # with its cryptography 5 MB: few requests have a token
        from jwt.exceptions import PyJWTError

        try:
            made = PyJWK.from_dict(dict(key), self.algorithm)
            return bool(made.Algorithm.verify(self.signed, made.key, self.signature))
        except (PyJWTError, ValueError):  # a key of another kind than the algorithm's
            return False


def explored(stated: OpenClaims) -> Jwt:
    """Returns the token of an explored request."""
    return Jwt("RS256", "", stated, payload="", signed=b"", signature=b"", stated=True)


@lru_cache(maxsize=256)
def read(text: str) -> Jwt:
    """Returns the token that a text in the compact form is; raises Invalid if it is none."""
    parts = text.split(".")
    if len(parts) != 3 or not all(parts):
        raise Invalid("Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections")
    header = _object(parts[0], "header")
    algorithm = header.get("alg")
    if not isinstance(algorithm, str):
        raise Invalid("Jwt header [alg] field is required and must be a string")
    if algorithm not in _ALGORITHMS:
        raise Invalid("Jwt header [alg] is not supported")
    if not isinstance(header.get("kid", ""), str):
        raise Invalid("Jwt header [kid] field is not a string")
    stated = _object(parts[1], "payload")
    _check_claims(stated)
    return Jwt(
        algorithm,
        header.get("kid", ""),
        stated,
        payload=parts[1],
        signed=f"{parts[0]}.{parts[1]}".encode(),
        signature=_part(parts[2], "signature"),
        stated=header == STATED,
    )


def _check_claims(stated: Mapping[str, Any]) -> None:
    for name, kind, words in (
        ("iss", str, "a string"),
        ("sub", str, "a string"),
        ("iat", int, "an integer"),
        ("nbf", int, "an integer"),
        ("exp", int, "an integer"),
        ("jti", str, "a string"),
    ):
        value = stated.get(name, kind())
        if not isinstance(value, kind) or isinstance(value, bool):
            raise Invalid(f"Jwt payload [{name}] field is not {words}")
        if isinstance(value, int) and value < 0:
            raise Invalid(f"Jwt payload [{name}] field is not a positive 64 bit integer")
    audiences = stated.get("aud", "")
    listed = audiences if isinstance(audiences, list) else [audiences]
    if not all(isinstance(audience, str) for audience in listed):
        raise Invalid("Jwt payload [aud] field is not a string or string list")


def _part(text: str, name: str) -> bytes:
    if (decoded := _decoded(text)) is None:
        raise Invalid(f"Jwt {name} is an invalid Base64url encoded")
    return decoded


def _object(text: str, name: str) -> dict[str, Any]:
    try:
        value = json.loads(_part(text, name))
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise Invalid(f"Jwt {name} is an invalid JSON")
    return value


def _decoded(text: str) -> bytes | None:
    """What a text in base64url stands for, None for one that is in no such form."""
    if not re.fullmatch(r"[\w-]*", text, re.ASCII) or len(text) % 4 == 1:
        return None
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


@lru_cache(maxsize=256)
def _keys(jwks: str) -> tuple[Mapping[str, str], ...]:
    """The keys of a JWKS that can be read; whatever else is in it is passed over, as Envoy does."""
    needed = {"RSA": ("n", "e"), "oct": ("k",), "EC": ("x", "y"), "OKP": ("x",)}
    try:
        keys = json.loads(jwks)["keys"]
    except (ValueError, KeyError, TypeError):
        return ()
    readable = (key for key in keys if isinstance(key, dict)) if isinstance(keys, list) else ()
    return tuple(
        key
        for key in readable
        if key.get("kty") in needed and all(_is_readable(key.get(part)) for part in needed[key["kty"]])
    )


def _is_readable(text: object) -> bool:
    return isinstance(text, str) and bool(_decoded(text))


def _is_among(audience: str, wanted: frozenset[str]) -> bool:
    if not isinstance(audience, Asking):
        return _audience(audience) in wanted
    forms = product(("", "http://", "https://"), wanted, ("", "/"))
    return audience.among(frozenset(map("".join, forms)))


def _audience(text: str) -> str:
    """An audience without scheme and last slash, as Envoy compares them."""
    return re.sub("^https?://", "", text).removesuffix("/")
