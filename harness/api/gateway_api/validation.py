"""What the API server refuses of the Gateway API's objects, by the rules in their definitions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.api.gateway_api.backend_tls import BackendTLSPolicy
from harness.api.gateway_api.filters import filter_field
from harness.api.gateway_api.gateway import KubernetesGateway, ListenerSet
from harness.api.gateway_api.route import Route, RPCMatch
from harness.api.refusal import Refused
from harness.base.errors import not_modelled

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.api.gateway_api.filters import CORSFilter, PathModifier, RequestMirror, RouteFilter
    from harness.api.gateway_api.gateway import Listener
    from harness.api.gateway_api.reference import ParentRef, TargetRef
    from harness.api.gateway_api.route import BackendRef, RouteMatch, RouteRule
    from harness.base.resources import Resource

Fault = tuple[str, str]

_MATCHES = 128
_UNREPEATABLE = tuple("RequestHeaderModifier ResponseHeaderModifier RequestRedirect URLRewrite CORS".split())
_TYPES = {filter_field(kind): kind for kind in (*_UNREPEATABLE, "RequestMirror", "ExtensionRef")}
_MODIFIERS = ("ReplaceFullPath", "ReplacePrefixMatch")
_PATH = re.compile(r"(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|%[0-9a-fA-F]{2})+")
_UNCLEAN = ("//", "/./", "/../", "%2f", "%2F", "#")
_UNCLEAN_ENDS = ("/..", "/.")


def validate(resource: Resource) -> None:
    """Raises Refused as the API server does, NotModelledError for what Istio's waypoints would read.

    Regular expressions the API takes unread.
    """
    if resource.kind == "Gateway":
        gateway = KubernetesGateway.kept(resource)
        if gateway.class_name in ("istio-waypoint", "istio-east-west"):
            field, name = "spec.gatewayClassName", gateway.class_name
            raise not_modelled(resource, field, f"{name} is for ambient mode")
        faults = _listeners_faults(gateway.at("listeners"), gateway.listeners)
    elif resource.kind == "ListenerSet":
        listeners = ListenerSet.kept(resource)
        faults = _listeners_faults(listeners.at("listeners"), listeners.listeners)
    elif resource.kind == "BackendTLSPolicy":
        faults = _backend_tls_faults(BackendTLSPolicy.kept(resource))
    elif resource.kind.endswith("Route"):
        faults = _route_faults(Route.kept(resource))
    else:
        return
    for where, words in faults:
        raise Refused.invalid(resource, where, words)


def _backend_tls_faults(policy: BackendTLSPolicy) -> Iterator[Fault]:
    yield from _counted("spec.targetRefs", policy.targets, 1, 16)
    several = "when targetRefs includes 2 or more references to the same target"
    sections: dict[tuple[str, ...], list[str]] = {}
    for target in policy.targets:
        sections.setdefault((target.group, target.kind, target.name), []).append(target.section)
    for names in sections.values():
        if len({bool(name) for name in names}) > 1:
            yield _array("spec.targetRefs", f"sectionName must be specified {several}")
        if len(set(names)) < len(names):
            yield _array("spec.targetRefs", f"sectionName must be unique {several}")
    wanted = policy.validation
    both = "CACertificateRefs and WellKnownCACertificates"
    if wanted.authorities and wanted.well_known:
        yield _object(wanted.path, f"must not contain both {both}")
    if not wanted.authorities and not wanted.well_known:
        yield _object(wanted.path, f"must specify either {both.replace('and', 'or')}")


def _listeners_faults(field: str, listeners: Sequence[Listener]) -> Iterator[Fault]:
    yield from _counted(field, listeners, 1, 64)
    for listener in listeners:
        yield from (_array(field, words) for words in _listener_faults(listener))
        tls = listener.tls
        if tls is not None and tls.mode == "Terminate" and not (tls.certificates or tls.options):
            words = "certificateRefs or options must be specified when mode is Terminate"
            yield _object(f"{field}.tls", words)
    if len({listener.name for listener in listeners}) < len(listeners):
        yield _array(field, "Listener name must be unique within the Gateway")
    served = {(listener.port, listener.protocol, listener.written_hostname) for listener in listeners}
    if len(served) < len(listeners):
        yield _array(field, "Combination of port, protocol and hostname must be unique for each listener")


def _listener_faults(listener: Listener) -> Iterator[str]:
    protocol, tls = listener.protocol, listener.tls
    if protocol in ("HTTP", "TCP", "UDP") and tls is not None:
        yield "tls must not be specified for protocols ['HTTP', 'TCP', 'UDP']"
    if protocol == "HTTPS" and tls is not None and tls.mode != "Terminate":
        yield "tls mode must be Terminate for protocol HTTPS"
    if protocol == "TLS" and tls is None:
        yield "tls mode must be set for protocol TLS"
    if protocol in ("TCP", "UDP") and listener.written_hostname:
        yield "hostname must not be specified for protocols ['TCP', 'UDP']"


def _array(where: str, words: str) -> Fault:
    return where, f'Invalid value: "array": {words}'


def _object(where: str, words: str) -> Fault:
    return where, f'Invalid value: "object": {words}'


def _counted(field: str, items: Sequence[object], least: int, most: int) -> Iterator[Fault]:
    if len(items) < least:
        words = f"{field} in body should have at least {least} items"
        yield field, f"Invalid value: {len(items)}: {words}"
    if len(items) > most:
        yield field, f"Too many: {len(items)}: must have at most {most} items"


def _route_faults(route: Route) -> Iterator[Fault]:
    kind, rules = route.resource.kind, route.written_rules
    yield from _parent_faults(route.parents)
    if kind in ("TLSRoute", "TCPRoute"):
        early = route.resource.version == "v1alpha2"
        yield from _counted("spec.rules", rules, 1, 16 if early else 1)
        if kind == "TLSRoute" and not early:
            if "hostnames" not in route.data:
                yield "spec.hostnames", "Required value"
            yield from _counted("spec.hostnames", route.hostnames, 1, 1024)
        for rule in rules:
            yield from _counted(rule.at("backendRefs"), rule.backends, 1, 16)
    else:
        yield from _counted("spec.rules", rules, 0, 16)
        yield from _counted("spec.hostnames", route.hostnames, 0, 16)
    if sum(len(rule.written_matches) for rule in rules) > _MATCHES:
        words = (
            "While 16 rules and 64 matches per rule are allowed, "
            "the total number of matches across all rules in a route must be less than 128"
        )
        yield _array("spec.rules", words)
    for rule in rules:
        yield from _rule_faults(rule)


def _parent_faults(parents: Sequence[ParentRef]) -> Iterator[Fault]:
    yield from _counted("spec.parentRefs", parents, 0, 32)
    several = "when parentRefs includes 2 or more references to the same parent"
    parts: dict[tuple[str | None, ...], list[tuple[str, int | None]]] = {}
    for parent in parents:
        key = (parent.group, parent.data.get("kind"), parent.written_namespace, parent.name)
        parts.setdefault(key, []).append((parent.section, parent.port))
    for own in parts.values():
        # The standard channel looks at sections alone: see Release.lacking.
        by_port = any(port for _, port in own)
        what = "sectionName or port" if by_port else "sectionName"
        if len({(bool(section), bool(port)) for section, port in own}) > 1:
            yield _array("spec.parentRefs", f"{what} must be specified {several}")
        if len(set(own)) < len(own):
            yield _array("spec.parentRefs", f"{what} must be unique {several}")


def _rule_faults(rule: RouteRule) -> Iterator[Fault]:
    for match in rule.written_matches:
        yield from _match_faults(match)
    yield from _counted(rule.at("backendRefs"), rule.backends, 0, 16)
    yield from _counted(rule.at("matches"), rule.written_matches, 0, 64)
    for backend in rule.backends:
        yield from _reference_faults(backend)
    if rule.backends and any(entry.type == "RequestRedirect" for entry in rule.filters):
        yield _object(rule.path, "RequestRedirect filter must not be used together with backendRefs")
    owners: tuple[RouteRule | BackendRef, ...] = (rule, *rule.backends)
    for owner in owners:
        yield from _filter_faults(owner, rule)
    request, backend_request = rule.request_timeout, rule.backend_timeout
    if request and backend_request and backend_request > request:
        yield _object(rule.at("timeouts"), "backendRequest timeout cannot be longer than request timeout")


def _match_faults(match: RouteMatch) -> Iterator[Fault]:
    if isinstance(match, RPCMatch):
        if match.has("method") and match.rpc.service is None and match.rpc.method is None:
            yield _object(match.at("method"), "One or both of 'service' or 'method' must be specified")
        return
    wanted = match.path_match
    if wanted is None or wanted.kind == "regex":
        return
    where, kinds, value = match.at("path"), "when type one of ['Exact', 'PathPrefix']", wanted.value
    if not value.startswith("/"):
        yield _object(where, f"value must be an absolute path and start with '/' {kinds}")
    yield from (_object(where, f"must not contain '{part}' {kinds}") for part in _UNCLEAN if part in value)
    for part in _UNCLEAN_ENDS:
        if value.endswith(part):
            yield _object(where, f"must not end with '{part}' {kinds}")
    if not _PATH.fullmatch(value):
        words = f"must only contain valid characters (matching ^{_PATH.pattern}$)"
        yield _object(where, f"{words} for types ['Exact', 'PathPrefix']")


def _reference_faults(to: TargetRef) -> Iterator[Fault]:
    if not to.group and to.kind == "Service" and to.port is None:
        yield _object(to.path, "Must have port for Service reference")


def _filter_faults(owner: RouteRule | BackendRef, rule: RouteRule) -> Iterator[Fault]:
    """The faults of a rule's or of a backend's filters."""
    types = [entry.type for entry in owner.filters]
    if "RequestRedirect" in types and "URLRewrite" in types:
        words = "May specify either httpRouteFilterRequestRedirect or httpRouteFilterRequestRewrite"
        yield _object(owner.at("filters"), f"{words}, but not both")
    for kind in _UNREPEATABLE:
        if types.count(kind) > 1:
            yield _object(owner.at("filters"), f"{kind} filter cannot be repeated")
    for entry in owner.filters:
        name = filter_field(entry.type)
        if name not in entry.data:
            yield _object(entry.path, f"filter.{name} must be specified for {entry.type} filter.type")
        for other, wanted in _TYPES.items():
            if other in entry.data and other != name:
                yield _object(entry.path, f"filter.{other} must be nil if the filter.type is not {wanted}")
        yield from _particular_faults(entry, owner, rule)


def _particular_faults(entry: RouteFilter, owner: RouteRule | BackendRef, rule: RouteRule) -> Iterator[Fault]:
    match entry.type:
        case "RequestRedirect" | "URLRewrite":
            changed = entry.redirect if entry.type == "RequestRedirect" else entry.rewrite
            yield from _modifier_faults(changed.path_modifier)
            kinds = [match.path_match.kind for match in rule.matches if match.path_match]
            if changed.path_modifier.type == "ReplacePrefixMatch" and kinds != ["segments"]:
                words = f"When using {entry.type} filter with path.replacePrefixMatch"
                yield _object(owner.path, f"{words}, exactly one PathPrefix match must be specified")
        case "RequestMirror" if entry.mirror:
            yield from _mirror_faults(entry.mirror)
        case "CORS":
            yield from _cors_faults(entry.cors)


def _modifier_faults(modifier: PathModifier) -> Iterator[Fault]:
    for kind in _MODIFIERS if modifier else ():
        name = filter_field(kind)
        if modifier.type == kind and name not in modifier.data:
            yield _object(modifier.path, f"{name} must be specified when type is set to '{kind}'")
        if modifier.type != kind and name in modifier.data:
            yield _object(modifier.path, f"type must be '{kind}' when {name} is set")


def _mirror_faults(mirror: RequestMirror) -> Iterator[Fault]:
    yield from _reference_faults(mirror.to)
    if "percent" in mirror.data and "fraction" in mirror.data:
        yield _object(
            mirror.path, "Only one of percent or fraction may be specified in HTTPRequestMirrorFilter"
        )
    if mirror.fraction and mirror.fraction.numerator > mirror.fraction.denominator:
        yield _object(mirror.fraction.path, "numerator must be less than or equal to denominator")


def _cors_faults(cors: CORSFilter) -> Iterator[Fault]:
    for field, values, what in (
        ("allowOrigins", cors.origins, "origins"),
        ("allowMethods", cors.methods, "methods"),
        ("allowHeaders", cors.headers, "methods"),
    ):
        if "*" in values and len(values) > 1:
            name = f"{field[0].upper()}{field[1:]}"
            yield _array(cors.at(field), f"{name} cannot contain '*' alongside other {what}")
