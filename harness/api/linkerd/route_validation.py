"""What the policy controller's webhook refuses of routes, in its words.

[linkerd/linkerd2: policy-controller, admission.rs, k8s/index/src/routes]
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.api.gateway_api.filters import filter_field
from harness.api.gateway_api.route import Route
from harness.api.linkerd import GROUP, annotation
from harness.api.refusal import Fault
from harness.base import expressions
from harness.base.expressions import Dialect

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.api.gateway_api.filters import PathModifier, RouteFilter
    from harness.api.gateway_api.route import RouteMatch, RouteRule
    from harness.base.resources import Resource

_NAME = re.compile(r"[-!#$%&'*+.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")


def faults(resource: Resource) -> Iterator[str]:
    """Yields what the webhook finds wrong with an HTTPRoute, GRPCRoute, TLSRoute or TCPRoute."""
    route = Route.kept(resource)
    parents = [
        (parent.kind.lower(), (parent.group or "core").lower(), parent.port) for parent in route.parents
    ]
    whole = ("egressnetwork", GROUP, None)
    if whole in parents:
        words = "cannot target an EgressNetwork without specifying a port"
        yield Fault(words, route.parents[parents.index(whole)].path)
    if resource.kind in ("TLSRoute", "TCPRoute"):
        if len(route.written_rules) != 1:
            words = f"{resource.kind.capitalize().replace('route', 'Route')} supports a single rule only"
            yield Fault(words, route.at("rules"))
        return
    named = [parent[:2] for parent in parents]
    if ("service", "core") in named or whole[:2] in named:
        refusal = annotation.unreadable(resource)
        if refusal:
            yield refusal
    if resource.group == GROUP:
        for part in (part for rule in route.written_rules for part in rule.filters):
            if not part.has(filter_field(part.type)):
                yield Fault(f"missing field `{filter_field(part.type)}`", part.path)
    for rule in route.written_rules:
        for match in rule.written_matches:
            yield from _match(match)
        for part in rule.filters:
            yield from _filter(part)
        yield from _timeouts(rule) if resource.group == GROUP else _backends(rule)


def _match(match: RouteMatch) -> Iterator[str]:
    path = match.path_match
    if path is not None and path.kind != "regex" and not path.value.startswith("/"):
        words = "HttpPathMatch paths must be absolute (begin with `/`)"
        yield Fault(f"{words}; {_quoted(path.value)} is not an absolute path", f"{match.at('path')}.value")
    for index, (name, wanted) in enumerate(match.headers):
        exact = [wanted.value] if wanted.kind == "exact" else []
        yield from _header(name, exact, f"{match.at('headers')}[{index}]")
    if match.rpc and match.rpc.is_regex:
        words = "unsupported GRPCRoute method match type: Some(RegularExpression)"
        yield Fault(words, f"{match.at('method')}.type")
    for field, text in match.expressions:
        if fault := expressions.fault(text.value, Dialect.RUST):
            yield Fault(f"regex parse error: {fault.why}", field)


def _header(name: str, values: Iterable[str], path: str) -> Iterator[str]:
    """What is wrong with a header's name, or with its values [Rust: http, HeaderName and HeaderValue]."""
    if not _NAME.fullmatch(name):
        yield Fault("invalid HTTP header name", f"{path}.name")
    if not all(map(_VALUE.fullmatch, values)):
        yield Fault("failed to parse header value", f"{path}.value")


def _filter(part: RouteFilter) -> Iterator[str]:
    changes = part.header_changes
    for name, value in (*changes.add, *changes.set):
        yield from _header(name, [value], part.path)
    for name in changes.remove:
        yield from _header(name, (), part.path)
    if part.type == "RequestRedirect" and part.redirect.has("path"):
        yield from _modifier(part.redirect.path_modifier)


def _modifier(modifier: PathModifier) -> Iterator[str]:
    path = modifier.full if modifier.full is not None else modifier.prefix
    if path is None:
        words = "RequestRedirect filter must contain either replace_full_path or replace_prefix_match"
        yield Fault(words, modifier.path)
    elif not path.startswith("/"):
        words = "RequestRedirect filters may only contain absolute paths (starting with '/')"
        yield Fault(f"{words}; {_quoted(path)} is not an absolute path", modifier.path)


def _timeouts(rule: RouteRule) -> Iterator[str]:
    """What is wrong with the time limits of Linkerd's own HTTPRoute."""
    request, backend = rule.request_timeout, rule.backend_timeout
    if rule.timeouts and request is not None and backend is not None and backend > request:
        words = f"backendRequest timeout ({rule.timeouts.backend_request}) must not be greater than"
        yield Fault(f"{words} request timeout ({rule.timeouts.request})", rule.at("timeouts"))


def _backends(rule: RouteRule) -> Iterator[str]:
    """Backends that are Services and have no port; of the Gateway API's routes only."""
    for to in rule.backends:
        if to.is_service and not to.port:
            yield Fault("invalid backendRef", to.path)


def _quoted(text: str) -> str:
    return f'"{text}"'
