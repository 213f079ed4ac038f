"""What the API server refuses of Kubernetes' own kinds and of routes, beyond the form of single fields."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from harness.model.durations import seconds
from harness.model.gateway_api import filter_field, parse
from harness.model.matching import unreadable
from harness.model.objects import Fields, label_selector, not_modelled, spec_of
from harness.model.pods import pod_template, replicas
from harness.model.refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.model.gateway_api import Match
    from harness.resources import Resource

MAX_REPLICAS = 1000
"""Pods of one workload that the model follows one by one."""


def validate(resource: Resource) -> None:
    """Raises Refused as the API server does (for routes: Gateway API's validation rules).

    NotModelledError for a workload of too many pods, and for an unreadable regular expression.
    """
    if resource.kind == "Service":
        _service(resource)
    elif resource.group == "apps":
        _workload(resource)
    elif resource.kind in ("HTTPRoute", "GRPCRoute"):
        _route(resource)


def _service(resource: Resource) -> None:
    spec = spec_of(resource)
    ports = spec.get("ports") or []
    if not ports and spec.get("type") != "ExternalName" and spec.get("clusterIP") != "None":
        raise Refused.invalid(resource, "spec.ports: Required value")
    for index, port in enumerate(ports):
        if len(ports) > 1 and not port.get("name"):
            raise Refused.invalid(resource, f"spec.ports[{index}].name: Required value")


def _workload(resource: Resource) -> None:
    labels = pod_template(resource)[0].get("labels") or {}
    selector = spec_of(resource)["selector"]
    if not label_selector(selector, labels) or not (
        selector.get("matchLabels") or selector.get("matchExpressions")
    ):
        words = f"Invalid value: {json.dumps(labels)}: `selector` does not match template `labels`"
        raise Refused.invalid(resource, f"spec.template.metadata.labels: {words}")
    if replicas(resource) > MAX_REPLICAS:
        raise not_modelled(resource, "spec.replicas", f"more than {MAX_REPLICAS} pods")


def _route(resource: Resource) -> None:
    for rule in parse(resource).rules:
        for match in rule.matches:
            _refuse_unreadable(resource, match)
    for index, rule in enumerate(spec_of(resource).get("rules") or ()):
        for where, words in _faults(f"spec.rules[{index}]", rule):
            raise Refused.invalid(resource, f'{where}: Invalid value: "object": {words}')


def _refuse_unreadable(resource: Resource, match: Match) -> None:
    """Raises NotModelledError for a regular expression that can't be read: the API takes it unread."""
    texts = [text for _, text in match.headers + match.query]
    texts += [match.path] if match.path else []
    patterns = [text.value for text in texts if text.kind == "regex"]
    if match.rpc and match.rpc.kind == "RegularExpression":
        patterns.append(f"/{match.rpc.service or ''}/{match.rpc.method or ''}")
    for pattern in patterns:
        if why := unreadable(pattern):
            text = f"the regular expression {pattern!r} can't be read: {why}"
            raise not_modelled(resource, match.field, text)


def _faults(field: str, rule: Fields) -> Iterator[tuple[str, str]]:
    for index, match in enumerate(rule.get("matches") or ()):
        path = match.get("path") or {}
        kind = path.get("type", "PathPrefix")
        if kind != "RegularExpression" and not path.get("value", "/").startswith("/"):
            words = (
                "value must be an absolute path and start with '/' when type one of ['Exact', 'PathPrefix']"
            )
            yield f"{field}.matches[{index}].path", words
    for index, backend in enumerate(rule.get("backendRefs") or ()):
        service = not backend.get("group") and backend.get("kind", "Service") == "Service"
        if service and backend.get("port") is None:
            yield f"{field}.backendRefs[{index}]", "Must have port for Service reference"
    types = [entry.get("type", "") for entry in rule.get("filters") or ()]
    if "RequestRedirect" in types and rule.get("backendRefs"):
        yield field, "RequestRedirect filter must not be used together with backendRefs"
    if "RequestRedirect" in types and "URLRewrite" in types:
        words = (
            "May specify either httpRouteFilterRequestRedirect or httpRouteFilterRequestRewrite, but not both"
        )
        yield f"{field}.filters", words
    for kind in ("RequestHeaderModifier", "ResponseHeaderModifier", "RequestRedirect", "URLRewrite"):
        if types.count(kind) > 1:
            yield f"{field}.filters", f"{kind} filter cannot be repeated"
    yield from _filter_faults(field, rule)
    for index, backend in enumerate(rule.get("backendRefs") or ()):
        yield from _filter_faults(f"{field}.backendRefs[{index}]", backend)
    timeouts = rule.get("timeouts") or {}
    request, backend_request = seconds(timeouts.get("request")), seconds(timeouts.get("backendRequest"))
    if request and backend_request and backend_request > request:
        yield f"{field}.timeouts", "backendRequest timeout cannot be longer than request timeout"


def _filter_faults(field: str, rule: Fields) -> Iterator[tuple[str, str]]:
    paths = [match.get("path") or {} for match in rule.get("matches") or [{}]]
    one_prefix = len(paths) == 1 and paths[0].get("type", "PathPrefix") == "PathPrefix"
    for index, entry in enumerate(rule.get("filters") or ()):
        where, kind = f"{field}.filters[{index}]", entry.get("type", "")
        name = filter_field(kind)
        if name not in entry:
            yield where, f"filter.{name} must be specified for {kind} filter.type"
        path = (entry.get(name) or {}).get("path") if kind in ("RequestRedirect", "URLRewrite") else None
        modifier = filter_field(path["type"]) if path else ""
        if path and modifier not in path:
            yield f"{where}.{name}.path", f"{modifier} must be specified when type is set to '{path['type']}'"
        if path and path.get("type") == "ReplacePrefixMatch" and not one_prefix:
            yield (
                field,
                f"When using {kind} filter with path.replacePrefixMatch, "
                "exactly one PathPrefix match must be specified",
            )
