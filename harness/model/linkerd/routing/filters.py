"""What Linkerd's proxy does to requests and answers by a route's filters."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.api.linkerd import GROUP
from harness.base import matching
from harness.model import replies
from harness.traffic.trace import Action, Step, step

if TYPE_CHECKING:
    from harness.api.gateway_api.filters import RouteFilter
    from harness.api.gateway_api.route import BackendRef
    from harness.api.headers import Headers
    from harness.model.linkerd.routing.routes import Taken
    from harness.model.message import Message
    from harness.traffic.outcomes import Outcome

_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Redirected:
    """The proxy's own answer to a request that a filter redirects."""

    answer: Outcome
    why: Step


@dataclass(frozen=True)
class Changed:
    """The request as it is sent on, and the filters for its answer."""

    message: Message
    response: tuple[RouteFilter, ...]

    def on_response(self, headers: Headers) -> Headers:
        """Returns an answer's headers after the filters."""
        for one in self.response:
            headers = one.header_changes.apply_removing_last(headers)
        return headers


def apply(message: Message, taken: Taken) -> Changed | Redirected:
    """Returns what the filters of the rule that was taken make of a request.

    The index reads ResponseHeaderModifier of a policy.linkerd.io HTTPRoute as if it were for
    requests [linkerd/linkerd2: policy-controller, outbound/index/http.rs].
    """
    response: list[RouteFilter] = []
    misread = taken.route.resource.group == GROUP
    for one in taken.rule.filters:
        if one.type == "RequestRedirect":
            answered = redirected(message, one, taken)
            if answered:
                return answered
        elif one.type == "ResponseHeaderModifier" and not misread:
            response.append(one)
        else:
            message = replace(message, headers=one.header_changes.apply_removing_last(message.headers))
    return Changed(message, tuple(response))


def redirected(message: Message, redirect: RouteFilter, taken: Taken) -> Redirected | None:
    """Returns a redirect's answer, None if it leads to the request's own URL: it does nothing then."""
    target = location(message, redirect, taken)
    if target == f"http://{message.authority}{message.target}":
        return None
    answer = replies.linkerd(message, redirect.redirect.status, "redirected", location=target)
    why = step(taken.route.resource, redirect.path, Action.REDIRECTED, "redirects to {}", target)
    return Redirected(answer, why)


def on_backend(backend: BackendRef, kind: str, headers: Headers) -> Headers:
    """Returns headers after a backend's own filters of a kind."""
    for one in backend.filters:
        if one.type == kind:
            headers = one.header_changes.apply_removing_last(headers)
    return headers


def location(message: Message, redirect: RouteFilter, taken: Taken) -> str:
    """Returns a redirect's Location; a replaced full path loses the query [linkerd2-proxy: redirect.rs]."""
    to = redirect.redirect
    scheme, host, wanted = to.scheme or "http", to.hostname, to.port
    name, _, port = message.authority.partition(":")
    if host and wanted:
        authority = f"{host}:{wanted}"
    elif host:
        authority = f"{host}:{port}" if port and port != str(_DEFAULT_PORTS[scheme]) else host
    elif wanted:
        authority = f"{name}:{wanted}" if wanted != _DEFAULT_PORTS[scheme] else name
    else:
        authority = message.authority
    path, matched = to.path_modifier, taken.match.path_match
    if path.full is not None:
        return f"{scheme}://{authority}{path.full}"
    if path.prefix is not None and matched:
        changed = matching.replace_prefix(message.path, matched.value, path.prefix)
        message = replace(message, path=changed)
    return f"{scheme}://{authority}{message.target}"
