"""Consistent hashes: what of a request keeps it on one of an Envoy's endpoints.

The endpoint is found by a hash of what the route says to look at, if the request has any of it; else each
request goes for itself [Envoy: HashPolicyImpl, ThreadAwareLoadBalancerBase].
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.base.matching import TextMatch, query_values
from harness.base.records import with_fields
from harness.traffic.series import BY_CONNECTION, Affinity, Key

if TYPE_CHECKING:
    from harness.api.headers import Headers
    from harness.api.istio.destination_rule import ConsistentHash, CookieHash
    from harness.model.istio.registry.service_entry import Target
    from harness.model.istio.upstream.destination_rule import Policy
    from harness.model.message import Message
    from harness.traffic.outcomes import Outcome

_ANY_HASH = "0123456789abcdef"
"""Stands for the value of a cookie that a proxy sets: a hash in hexadecimal."""


@dataclass(frozen=True)
class Sticking:
    """What keeps a request on one endpoint, and the headers that an answer gets for further ones."""

    affinity: tuple[Affinity, ...] = ()
    cookies: Headers = ()

    def of(self, outcome: Outcome, place: Target, pool: str) -> Outcome:
        """Returns the answer of an endpoint of a pool with that; a gateway says itself who gets what."""
        if (self is _NOTHING and not place.zone) or outcome.failure is not None:
            return outcome
        answered = with_fields(outcome, headers=(*outcome.headers, *self.cookies))
        own = place.endpoint.pod.gateway is None
        return answered.of_series(self.affinity, pool, place.zone) if own else answered


_NOTHING = Sticking()


def of(policy: Policy) -> ConsistentHash | None:
    """Returns what endpoints are picked by under a traffic policy, None if by no hash."""
    balancer = policy.load_balancer
    return balancer.consistent_hash if balancer is not None and balancer.has("consistentHash") else None


def sticking(message: Message, policy: Policy, hashes: tuple[ConsistentHash, ...] | None) -> Sticking:
    """Returns what keeps a request on an endpoint of a destination with a traffic policy.

    The hashes are those of its route, which names what to look at for all its destinations; None where it
    has none, but the destination's own counts.
    """
    own = of(policy)
    if hashes is None:
        hashes = () if own is None else (own,)
    if not hashes:
        return _NOTHING
    keys = dict.fromkeys(key for each in hashes if (key := _key(message, each)) is not None)
    affinity = tuple(sorted(keys, key=str)) if own is not None else ()
    lacking = (each.cookie for each in hashes if each.has("httpCookie") and each.cookie.is_set)
    cookies = (each for each in lacking if not _has_cookie(message, each.name))
    return Sticking(affinity, tuple(("set-cookie", _set_cookie(each)) for each in cookies))


def of_connection(policy: Policy) -> tuple[Affinity, ...]:
    """Returns the same of bytes: the client's address alone is looked at [istio: maybeSetHashPolicy]."""
    own = of(policy)
    return (Affinity(Key.SOURCE),) if own is not None and own.source else BY_CONNECTION


def _key(message: Message, own: ConsistentHash) -> Affinity | None:
    if own.header:
        return Affinity(Key.HEADER, own.header.lower()) if message.header_values(own.header) else None
    if own.has("httpCookie"):
        name = own.cookie.name
        return Affinity(Key.COOKIE, name) if _has_cookie(message, name) else None
    if own.parameter:
        sent = query_values(message.query, own.parameter)
        return Affinity(Key.PARAMETER, own.parameter) if sent else None
    return Affinity(Key.SOURCE) if own.source else None


def _has_cookie(message: Message, name: str) -> bool:
    sent = message.header("cookie")
    return TextMatch("regex", rf"(.*;[ \t]*)?{re.escape(name)}=.*").holds(sent)


def _set_cookie(cookie: CookieHash) -> str:
    """A cookie as Envoy writes it [Envoy: Http::Utility::makeSetCookieValue]."""
    parts = [
        f'{cookie.name}="{_ANY_HASH}"',
        *([f"Max-Age={int(cookie.ttl)}"] if cookie.ttl and int(cookie.ttl) else []),
        *([f"Path={cookie.url_path}"] if cookie.url_path else []),
        *(f"{own.name}={own.value}" if own.value else own.name for own in cookie.attributes),
        "HttpOnly",
    ]
    return "; ".join(parts)
