"""What Linkerd's proxy does to requests and answers by a route's filters."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.api.linkerd import GROUP
from harness.base import matching
from harness.base.records import with_fields
from harness.model import replies
from harness.model.distribution import mapped
from harness.traffic.trace import Action, Step, step

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.api.gateway_api.filters import RouteFilter
    from harness.api.gateway_api.route import BackendRef
    from harness.api.headers import Headers
    from harness.model.linkerd.routing.matching import Taken
    from harness.model.message import Answers, Message
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

    def answered(self, answers: Answers) -> Answers:
        """Returns the answers, their headers changed by the filters."""
        if not self.response:
            return answers
        return mapped(
            answers, lambda outcome: with_fields(outcome, headers=_changed(outcome.headers, self.response))
        )


def _changed(headers: Headers, filters: Iterable[RouteFilter]) -> Headers:
    for each in filters:
        headers = each.header_changes.apply_removing_last(headers)
    return headers


def apply(message: Message, taken: Taken, backend: BackendRef | None = None) -> Changed | Redirected:
    """Returns what the filters of the rule that was taken, or of one of its backends, make of a request.

    The index reads ResponseHeaderModifier of a policy.linkerd.io HTTPRoute as if it were for
    requests [linkerd/linkerd2: policy-controller, outbound/index/http.rs].
    """
    misread = taken.route.resource.group == GROUP and backend is None
    response: list[RouteFilter] = []
    for each in backend.filters if backend else taken.rule.filters:
        if each.type == "RequestRedirect":
            target = _location(message, each, taken)
            if target != f"http://{message.authority}{message.target}":  # else it does nothing
                answer = replies.linkerd(message, each.redirect.status, "redirected", location=target)
                why = step(taken.route.resource, each.path, Action.REDIRECTED, "redirects to {}", target)
                return Redirected(answer, why)
        elif each.type == "ResponseHeaderModifier" and not misread:
            response.append(each)
        else:
            message = replace(message, headers=_changed(message.headers, [each]))
    return Changed(message, tuple(response))


def _location(message: Message, redirect: RouteFilter, taken: Taken) -> str:
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
