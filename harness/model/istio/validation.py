"""What Istio's validating webhook refuses, in its words [istio/istio: pkg/config/validation]."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.model.istio.virtual_service import GRPC_STATUSES
from harness.model.matching import unreadable
from harness.model.network import is_network
from harness.model.objects import Fields, not_modelled, spec_of
from harness.model.refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.resources import Resource

WEBHOOK = "validation.istio.io"

MAX_ATTEMPTS = 20
"""Tries that the model follows one by one."""

_RETRY_ON = frozenset(
    "5xx gateway-error reset reset-before-request connect-failure retriable-4xx refused-stream "
    "retriable-status-codes retriable-headers envoy-ratelimited http3-post-connect-failure "
    "cancelled deadline-exceeded internal resource-exhausted unavailable".split()
)
_ADDRESSES = frozenset("ipBlocks notIpBlocks remoteIpBlocks notRemoteIpBlocks source.ip remote.ip".split())
_PORTS = frozenset(("ports", "notPorts", "destination.port"))


def validate(resource: Resource) -> None:
    """Raises Refused with all that the webhook finds wrong with the object."""
    faults = {
        "VirtualService": _virtual_service,
        "DestinationRule": _destination_rule,
        "PeerAuthentication": _peer_authentication,
        "AuthorizationPolicy": _authorization_policy,
    }.get(resource.kind)
    if resource.kind == "VirtualService" and not spec_of(resource).get("hosts"):
        raise not_modelled(resource, "spec.hosts", "without hosts it is a delegate of another VirtualService")
    if resource.kind == "VirtualService":
        _refuse_rules(resource)
    found = list(faults(spec_of(resource))) if faults else []
    if found:
        raise Refused.by_webhook(resource, WEBHOOK, f"configuration is invalid: {_joined(found)}")


def _refuse_rules(resource: Resource) -> None:
    """Raises NotModelledError for what a cluster would take of a VirtualService and the model doesn't."""
    for index, rule in enumerate(spec_of(resource).get("http") or ()):
        field = f"spec.http[{index}]"
        if (rule.get("retries") or {}).get("attempts", 0) > MAX_ATTEMPTS:
            raise not_modelled(resource, f"{field}.retries.attempts", f"more than {MAX_ATTEMPTS}")
        regex = (rule.get("rewrite") or {}).get("uriRegexRewrite") or {}
        if regex and (why := unreadable(regex["match"], regex.get("rewrite", ""))):
            raise not_modelled(resource, f"{field}.rewrite.uriRegexRewrite", f"it can't be read: {why}")


def _joined(faults: list[str]) -> str:
    if len(faults) == 1:
        return faults[0]
    return f"{len(faults)} errors occurred:\n" + "".join(f"\t* {fault}\n" for fault in faults) + "\n"


def _virtual_service(spec: Fields) -> Iterator[str]:
    bound = spec.get("gateways") or ["mesh"]
    if "*" in spec["hosts"] and "mesh" in bound:
        yield "wildcard host * is not allowed for virtual services bound to the mesh gateway"
    if not spec.get("http"):
        yield "http, tcp or tls must be provided in virtual service"
    for rule in spec.get("http") or ():
        yield from _http_rule(rule or {})


def _http_rule(rule: Fields) -> Iterator[str]:
    routes = rule.get("route") or []
    if rule.get("redirect"):
        if routes:
            yield "HTTP route cannot contain both route and redirect"
        if rule.get("fault"):
            yield "HTTP route cannot contain both fault and redirect"
        if rule.get("rewrite"):
            yield "HTTP route rule cannot contain both rewrite and redirect"
    elif rule.get("directResponse"):
        if routes:
            yield "HTTP route cannot contain both route and direct_response"
    elif not routes:
        yield "HTTP route, redirect or direct_response is required"
    yield from _fault(rule.get("fault"))
    yield from _retries(rule.get("retries") or {})
    status = (rule.get("directResponse") or {}).get("status", 200)
    if not 200 <= status <= 600:
        yield f"HTTP status {status} is not in range 200-599"
    weights = [route.get("weight", 0) for route in routes]
    if any(weight < 0 for weight in weights):
        yield "weight must be non-negative"
    elif len(weights) > 1 and sum(weights) == 0:
        yield "total destination weight = 0"
    for match in rule.get("match") or ():
        for part in ("uri", "scheme", "method", "authority"):
            if match.get(part) == {"prefix": ""}:
                yield f"HTTP match {part} prefix must be non-empty"


def _fault(fault: Fields | None) -> Iterator[str]:
    if fault is None:
        return
    delay, abort = fault.get("delay") or {}, fault.get("abort") or {}
    if "delay" not in fault and "abort" not in fault:
        yield "HTTP fault injection must have an abort and/or a delay"
    for part in (abort, delay):
        percent = (part.get("percentage") or {}).get("value", 0)
        if not (percent == 0 or 0.0001 <= percent <= 100):
            yield f"percentage {percent} is neither 0.0, nor in range [0.0001, 100.0]"
    if not 0 <= delay.get("percent", 0) <= 100:
        yield f"percentage {delay['percent']} is not in range 0..100"
    status, grpc = abort.get("httpStatus", 200), abort.get("grpcStatus", "OK")
    if not 200 <= status <= 600:
        yield f"HTTP status {status} is not in range 200-599"
    if grpc not in GRPC_STATUSES:
        yield (
            f'gRPC status "{grpc}" is not supported. See https://github.com/grpc/grpc/blob/master/doc/'
            "statuscodes.md for a list of supported codes, for example 'NOT_FOUND'"
        )


def _retries(retries: Fields) -> Iterator[str]:
    attempts = retries.get("attempts", 0)
    if attempts < 0:
        yield "attempts cannot be negative"
    if attempts == 0 and {"perTryTimeout", "retryOn", "retryRemoteLocalities"} & retries.keys():
        yield "http retry policy configured when attempts are set to 0 (disabled)"
    retry_on = retries.get("retryOn")
    for policy in retry_on.split(",") if retry_on else ():
        if policy not in _RETRY_ON and not re.fullmatch("[1-5][0-9][0-9]", policy):
            yield f'"{policy}" is not a valid retryOn policy'


def _destination_rule(spec: Fields) -> Iterator[str]:
    if not spec.get("host"):
        yield "destination rule must have a host"
    for subset in spec.get("subsets") or ():
        if not subset.get("name"):
            yield "subset name is required"


def _peer_authentication(spec: Fields) -> Iterator[str]:
    if spec.get("portLevelMtls") and not (spec.get("selector") or {}).get("matchLabels"):
        yield "mesh/namespace peer authentication cannot have port level mTLS"


def _authorization_policy(spec: Fields) -> Iterator[str]:
    action = spec.get("action") or "ALLOW"
    if action in ("CUSTOM", "DENY") and not spec.get("rules"):
        yield (
            f"{action} action without `rules` is meaningless as it will never be triggered, "
            "add an empty rule `{}` if you want it be triggered for every request"
        )
    elif action == "CUSTOM" and not (spec.get("provider") or {}).get("name"):
        yield "`provider.name` must not be empty"
    if spec.get("provider") and action != "CUSTOM":
        yield f"`provider` must not be with non CUSTOM action, found {action}"
    for index, rule in enumerate(spec.get("rules") or ()):
        yield from _authorization_rule(index, rule or {}, action)


def _authorization_rule(index: int, rule: Fields, action: str) -> Iterator[str]:
    for part, inner in (("from", "source"), ("to", "operation")):
        if part in rule and not rule[part]:
            yield f"`{part}` must not be empty, found at rule {index}"
        for entry in rule.get(part) or ():
            if entry.get(inner) is None:
                yield f"`{part}.{inner}` must not be nil, found at rule {index}"
            elif not any(entry[inner].values()):
                yield f"`{part}.{inner}` must not be empty, found at rule {index}"
            for name, values in (entry.get(inner) or {}).items():
                yield from _values(name, values)
    for entry in rule.get("from") or ():
        named = set(entry.get("source") or ())
        if named & {"principals", "notPrincipals", "namespaces", "notNamespaces"} and (
            named & {"serviceAccounts", "notServiceAccounts"}
        ):
            yield f"cannot set serviceAccounts with namespaces or principals, found at rule {index}"
        for name in ("principals", "namespaces", "requestPrincipals", "serviceAccounts"):
            if action == "CUSTOM" and name in named:
                yield f"From.{name[0].upper()}{name[1:]} is currently not supported with CUSTOM action"
    for condition in rule.get("when") or ():
        if not condition.get("key"):
            yield "`key` must not be empty"
        elif not condition.get("values") and not condition.get("notValues"):
            yield f"at least one of `values` or `notValues` must be set for key {condition['key']}"
        for values in (condition.get("values"), condition.get("notValues")):
            yield from _values(condition["key"], values or [])


def _values(name: str, values: list[str]) -> Iterator[str]:
    """What is wrong with the values of a source's or an operation's field, or of a condition."""
    if name in _ADDRESSES:
        for value in values:
            if not is_network(value):
                yield f"bad {'CIDR range' if '/' in value else 'IP address'} ({value})"
    if name in _PORTS:
        for value in values:
            if not re.fullmatch("[0-9]{1,5}", value) or int(value) > 65535:
                yield f"bad port ({value})"
