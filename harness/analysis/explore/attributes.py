"""What the attributes of requests, and of applications' answers, can be."""

from __future__ import annotations

import string

from harness.analysis.explore.kinds import VISIBLE, Kind
from harness.base.explored import ADDRESS, AND, BARE, OBJECT

METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH")
SOMEWHERE = "203.0.113.7"
"""An address that no configuration is likely to name [RFC 5737]."""

_OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_ADDRESSES = rf"{_OCTET}(\.{_OCTET}){{3}}|[0-9a-fA-F:]*:[0-9a-fA-F:]*"

_METHOD = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-0123456789!#$%&'*+.^_`|~"
NAMES = "abcdefghijklmnopqrstuvwxyz0123456789-."
AUTHORITY = f"{NAMES}:"
NOT_IN_NAMES = " /?#@\\:"
_PATH = "".join(character for character in Kind().characters if character not in '?# "\\<>^`{}|')
_VALUE = "".join(character for character in _PATH if character not in "&%+=;")
_ESCAPED = "([^%]|%(2[0356B]|[89A-F][0-9A-F]))*"
"""What has no escapes but of characters that can't stand in a query themselves."""

_FRACTION = rf"\.({'|'.join(f'0{{{zeros}}}[1-9][0-9]{{{5 - zeros}}}' for zeros in range(6))})"
_NUMBER = rf"0|[1-9][0-9]{{0,14}}|-?0{_FRACTION}|[1-9][0-9]{{0,8}}{_FRACTION}|-[1-9][0-9]{{0,8}}\.[0-9]{{6}}"
"""Numbers as Envoy writes them in a header [envoy: jwt_authn, addJWTClaimToHeader]."""

_EARLIER = Kind(characters=f"{string.digits}{BARE}", absent=True, form=f"{BARE}[1-9][0-9]{{0,8}}")
"""A time that is over."""

KINDS = {
    "method": Kind(usual=METHODS, characters=_METHOD),
    ADDRESS: Kind(usual=(SOMEWHERE,), form=_ADDRESSES),
    "path": Kind(usual=("/", "/harness"), characters=_PATH, start="/", never="?# "),
    "header": Kind(usual=("harness",), absent=True, never=""),
    "parameter": Kind(usual=("harness",), characters=f"{_VALUE}%", absent=True, never="&# ", made=_ESCAPED),
    "token": Kind(few=(None, "stated", "malformed")),
    "claim": Kind(
        usual=("harness", f"{BARE}7"),
        characters=VISIBLE + BARE,
        absent=True,
        form=f"[^{BARE}]*|{BARE}(true|false|{_NUMBER})",
        never="",
        several=AND,
        beside=(OBJECT,),
    ),
    "claim exp": Kind(characters=f"{string.digits}{BARE}", absent=True, form=f"{BARE}99[0-9]{{8}}"),
    "claim nbf": _EARLIER,
    "claim iat": _EARLIER,
    "claim iss": Kind(usual=("harness",), absent=True, never=""),
    "claim sub": Kind(usual=("harness",), absent=True, never=""),
    "status": Kind(few=(200, 500, 503, *range(201, 600))),
    "gRPC status": Kind(few=tuple(range(17))),
    "seconds": Kind(few=(0.0, 3600.0)),
}
"""What the attributes of requests, and of applications' answers, can be."""
