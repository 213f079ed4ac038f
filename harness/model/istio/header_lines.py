"""What Envoy compares of a header that is there several times: each line by itself, but of some all as one.

Observed with Istio 1.31, whose Envoy is 1.40: routes and policies hold if one of the lines fulfils them
[envoy: match_headers_individually, rbac_match_headers_individually].
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.errors import NotModelledError

if TYPE_CHECKING:
    from harness.model.message import Message

JOINED = frozenset(
    "accept accept-encoding access-control-request-headers access-control-request-method authentication "
    "authorization cache-control connection content-encoding content-length content-type expect if-match "
    "if-modified-since if-none-match if-range if-unmodified-since keep-alive origin pragma proxy-connection "
    "referer te transfer-encoding upgrade user-agent via x-forwarded-client-cert x-forwarded-for "
    "x-forwarded-host x-forwarded-port x-forwarded-proto x-request-id".split()
)
"""Headers of which Envoy keeps one text, lines parted by commas [envoy: header_map, inline headers]."""


def header_lines(message: Message, name: str) -> list[str]:
    """Returns the texts of a header that Envoy compares, none if the header is absent.

    A request's method, path with query, scheme and authority are headers, too [RFC 9113, 8.3.1]. Raises
    NotModelledError for the path of an explored request that has a query.
    """
    match name.lower():
        case ":method":
            return [message.method]
        case ":scheme":
            return [message.scheme]
        case ":path":
            return [_target(message)]
        case ":authority" | "host":
            return [message.authority]
        case lower if lower in JOINED:
            value = message.header(lower)
            return [] if value is None else [value]
    return message.header_lines(name)


def _target(message: Message) -> str:
    if message.query and message.is_explored:
        why = "a rule compares the header :path, which is the path and the query in one"
        raise NotModelledError("a query isn't explored here", why=why)
    return message.target
