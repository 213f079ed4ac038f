"""What the API server refuses of the Gateway API's objects, by the rules in their definitions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.api.gateway_api.route import filter_field, parse
from harness.api.objects import Fields, spec_of
from harness.api.refusal import Refused
from harness.base.durations import seconds
from harness.base.errors import not_modelled
from harness.base.matching import unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.api.gateway_api.route import Match
    from harness.base.resources import Resource

Fault = tuple[str, str]

_OBJECT = 'Invalid value: "object": '
_MATCHES = 128
_UNREPEATABLE = (
    "RequestHeaderModifier",
    "ResponseHeaderModifier",
    "RequestRedirect",
    "URLRewrite",
    "CORS",
)
_TYPES = {filter_field(kind): kind for kind in (*_UNREPEATABLE, "RequestMirror", "ExtensionRef")}
_MODIFIERS = ("ReplaceFullPath", "ReplacePrefixMatch")
_PATH = re.compile(r"(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|%[0-9a-fA-F]{2})+")
_UNCLEAN = ("//", "/./", "/../", "%2f", "%2F", "#")
_UNCLEAN_ENDS = ("/..", "/.")


def validate(resource: Resource) -> None:
    """Raises Refused as the API server does, NotModelledError for what Istio's waypoints would read.

    NotModelledError, too, for a regular expression that can't be read: the API takes it unread.
    """
    if resource.kind == "Gateway":
        _refuse_waypoints(resource)
        faults = _gateway_faults(spec_of(resource))
    elif resource.kind.endswith("Route"):
        for rule in parse(resource).rules:
            for match in rule.matches:
                _refuse_unreadable(resource, match)
        faults = _route_faults(resource, spec_of(resource))
    else:
        return
    for where, words in faults:
        raise Refused.invalid(resource, f"{where}: {words}")


def _refuse_waypoints(gateway: Resource) -> None:
    name = spec_of(gateway)["gatewayClassName"]
    if name in ("istio-waypoint", "istio-east-west"):
        raise not_modelled(gateway, "spec.gatewayClassName", f"{name} is for ambient mode")


def _refuse_unreadable(resource: Resource, match: Match) -> None:
    texts = [text for _, text in match.headers + match.query]
    texts += [match.path] if match.path else []
    patterns = [text.value for text in texts if text.kind == "regex"]
    if match.rpc and match.rpc.kind == "RegularExpression":
        patterns.append(f"/{match.rpc.service or ''}/{match.rpc.method or ''}")
    for pattern in patterns:
        if why := unreadable(pattern):
            text = f"the regular expression {pattern!r} can't be read: {why}"
            raise not_modelled(resource, match.field, text)


def _gateway_faults(spec: Fields) -> Iterator[Fault]:
    listeners = spec["listeners"]
    yield from _counted("spec.listeners", listeners, 1, 64)
    for listener in listeners:
        protocol, tls = listener["protocol"], listener.get("tls")
        mode = (tls or {}).get("mode", "Terminate")
        if protocol in ("HTTP", "TCP", "UDP") and tls is not None:
            yield "spec.listeners", _array("tls must not be specified for protocols ['HTTP', 'TCP', 'UDP']")
        if protocol == "HTTPS" and mode != "Terminate":
            yield "spec.listeners", _array("tls mode must be Terminate for protocol HTTPS")
        if protocol == "TLS" and tls is None:
            yield "spec.listeners", _array("tls mode must be set for protocol TLS")
        if protocol in ("TCP", "UDP") and listener.get("hostname"):
            yield "spec.listeners", _array("hostname must not be specified for protocols ['TCP', 'UDP']")
        if tls is not None and mode == "Terminate" and not (tls.get("certificateRefs") or tls.get("options")):
            words = "certificateRefs or options must be specified when mode is Terminate"
            yield "spec.listeners.tls", f"{_OBJECT}{words}"
    if len({one["name"] for one in listeners}) < len(listeners):
        yield "spec.listeners", _array("Listener name must be unique within the Gateway")
    if len({(one["port"], one["protocol"], one.get("hostname")) for one in listeners}) < len(listeners):
        words = "Combination of port, protocol and hostname must be unique for each listener"
        yield "spec.listeners", _array(words)


def _array(words: str) -> str:
    return f'Invalid value: "array": {words}'


def _counted(field: str, items: Sequence[object], least: int, most: int) -> Iterator[Fault]:
    if len(items) < least:
        words = f"{field} in body should have at least {least} items"
        yield field, f"Invalid value: {len(items)}: {words}"
    if len(items) > most:
        yield field, f"Too many: {len(items)}: must have at most {most} items"


def _route_faults(resource: Resource, spec: Fields) -> Iterator[Fault]:
    yield from _parent_faults(spec.get("parentRefs") or [])
    rules = spec.get("rules") or []
    if resource.kind in ("TLSRoute", "TCPRoute"):
        early = resource.version == "v1alpha2"
        yield from _counted("spec.rules", rules, 1, 16 if early else 1)
        if resource.kind == "TLSRoute" and not early:
            yield from _named(spec)
        for index, rule in enumerate(rules):
            yield from _counted(f"spec.rules[{index}].backendRefs", rule["backendRefs"], 1, 16)
    else:
        yield from _counted("spec.rules", rules, 0, 16)
        yield from _counted("spec.hostnames", spec.get("hostnames") or [], 0, 16)
    matches = sum(len(rule.get("matches") or ()) for rule in rules)
    if matches > _MATCHES:
        words = (
            "While 16 rules and 64 matches per rule are allowed, "
            "the total number of matches across all rules in a route must be less than 128"
        )
        yield "spec.rules", _array(words)
    for index, rule in enumerate(rules):
        yield from _rule_faults(f"spec.rules[{index}]", rule)


def _named(spec: Fields) -> Iterator[Fault]:
    if "hostnames" not in spec:
        yield "spec.hostnames", "Required value"
    yield from _counted("spec.hostnames", spec.get("hostnames") or [], 1, 1024)


def _parent_faults(parents: list[Fields]) -> Iterator[Fault]:
    yield from _counted("spec.parentRefs", parents, 0, 32)
    sections: dict[tuple[object, ...], list[str]] = {}
    for one in parents:
        parent = tuple(one.get(key) for key in ("group", "kind", "namespace", "name"))
        sections.setdefault(parent, []).append(one.get("sectionName") or "")
    for names in sections.values():
        verb = "specified" if "" in names and any(names) else "unique"
        if len(set(names)) < len(names) or verb == "specified":
            words = (
                f"sectionName must be {verb} when parentRefs includes 2 or more references to the same parent"
            )
            yield "spec.parentRefs", _array(words)


def _rule_faults(field: str, rule: Fields) -> Iterator[Fault]:
    for index, match in enumerate(rule.get("matches") or ()):
        yield from _match_faults(f"{field}.matches[{index}]", match)
    backends = rule.get("backendRefs") or []
    yield from _counted(f"{field}.backendRefs", backends, 0, 16)
    yield from _counted(f"{field}.matches", rule.get("matches") or [], 0, 64)
    for index, backend in enumerate(backends):
        yield from _reference_faults(f"{field}.backendRefs[{index}]", backend)
    types = [entry.get("type", "") for entry in rule.get("filters") or ()]
    if "RequestRedirect" in types and backends:
        yield field, f"{_OBJECT}RequestRedirect filter must not be used together with backendRefs"
    yield from _filter_faults(field, rule, rule)
    for index, backend in enumerate(backends):
        yield from _filter_faults(f"{field}.backendRefs[{index}]", backend, rule)
    timeouts = rule.get("timeouts") or {}
    request, backend_request = seconds(timeouts.get("request")), seconds(timeouts.get("backendRequest"))
    if request and backend_request and backend_request > request:
        words = "backendRequest timeout cannot be longer than request timeout"
        yield f"{field}.timeouts", f"{_OBJECT}{words}"


def _match_faults(field: str, match: Fields) -> Iterator[Fault]:
    method = match.get("method")
    if isinstance(method, dict) and not {"service", "method"} & method.keys():
        yield f"{field}.method", f"{_OBJECT}One or both of 'service' or 'method' must be specified"
    path = match.get("path") or {}
    value = path.get("value", "/")
    if path.get("type", "PathPrefix") == "RegularExpression":
        return
    where, kinds = f"{field}.path", "when type one of ['Exact', 'PathPrefix']"
    if not value.startswith("/"):
        yield where, f"{_OBJECT}value must be an absolute path and start with '/' {kinds}"
    for part in _UNCLEAN:
        if part in value:
            yield where, f"{_OBJECT}must not contain '{part}' {kinds}"
    for part in _UNCLEAN_ENDS:
        if value.endswith(part):
            yield where, f"{_OBJECT}must not end with '{part}' {kinds}"
    if not _PATH.fullmatch(value):
        words = f"must only contain valid characters (matching ^{_PATH.pattern}$)"
        yield where, f"{_OBJECT}{words} for types ['Exact', 'PathPrefix']"


def _reference_faults(field: str, reference: Fields) -> Iterator[Fault]:
    service = not reference.get("group") and reference.get("kind", "Service") == "Service"
    if service and reference.get("port") is None:
        yield field, f"{_OBJECT}Must have port for Service reference"


def _filter_faults(field: str, owner: Fields, rule: Fields) -> Iterator[Fault]:
    """The faults of a rule's or of a backend's filters."""
    entries = owner.get("filters") or []
    types = [entry.get("type", "") for entry in entries]
    if "RequestRedirect" in types and "URLRewrite" in types:
        words = (
            "May specify either httpRouteFilterRequestRedirect or httpRouteFilterRequestRewrite, but not both"
        )
        yield f"{field}.filters", f"{_OBJECT}{words}"
    for kind in _UNREPEATABLE:
        if types.count(kind) > 1:
            yield f"{field}.filters", f"{_OBJECT}{kind} filter cannot be repeated"
    for index, entry in enumerate(entries):
        where, kind = f"{field}.filters[{index}]", entry.get("type", "")
        name = filter_field(kind)
        if name not in entry:
            yield where, f"{_OBJECT}filter.{name} must be specified for {kind} filter.type"
        for other, wanted in _TYPES.items():
            if other in entry and other != name:
                yield where, f"{_OBJECT}filter.{other} must be nil if the filter.type is not {wanted}"
        yield from _particular_faults(f"{where}.{name}", kind, entry.get(name) or {})
        path = (entry.get(name) or {}).get("path") or {}
        if path.get("type") == "ReplacePrefixMatch" and not _one_prefix(rule):
            words = f"When using {kind} filter with path.replacePrefixMatch, exactly one PathPrefix match"
            yield field, f"{_OBJECT}{words} must be specified"


def _one_prefix(rule: Fields) -> bool:
    paths = [match.get("path") or {} for match in rule.get("matches") or [{}]]
    return len(paths) == 1 and paths[0].get("type", "PathPrefix") == "PathPrefix"


def _particular_faults(field: str, kind: str, said: Fields) -> Iterator[Fault]:
    if kind in ("RequestRedirect", "URLRewrite") and said.get("path"):
        path = said["path"]
        for modifier in _MODIFIERS:
            name = filter_field(modifier)
            if path["type"] == modifier and name not in path:
                yield f"{field}.path", f"{_OBJECT}{name} must be specified when type is set to '{modifier}'"
            if path["type"] != modifier and name in path:
                yield f"{field}.path", f"{_OBJECT}type must be '{modifier}' when {name} is set"
    if kind == "RequestMirror" and said:
        yield from _reference_faults(f"{field}.backendRef", said["backendRef"])
        if "percent" in said and "fraction" in said:
            words = "Only one of percent or fraction may be specified in HTTPRequestMirrorFilter"
            yield field, f"{_OBJECT}{words}"
        fraction = said.get("fraction")
        if fraction and fraction["numerator"] > fraction.get("denominator", 100):
            words = "numerator must be less than or equal to denominator"
            yield f"{field}.fraction", f"{_OBJECT}{words}"
    if kind == "CORS":
        for name, what in (
            ("allowOrigins", "origins"),
            ("allowMethods", "methods"),
            ("allowHeaders", "methods"),
        ):
            if "*" in said.get(name, ()) and len(said[name]) > 1:
                words = f"{name[0].upper()}{name[1:]} cannot contain '*' alongside other {what}"
                yield f"{field}.{name}", _array(words)
