"""What Istio's validating webhook refuses, in its words [istio/istio: pkg/config/validation]."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.model.objects import Fields, not_modelled, spec_of
from harness.model.refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.resources import Resource

WEBHOOK = "validation.istio.io"


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
    found = list(faults(spec_of(resource))) if faults else []
    if found:
        raise Refused.by_webhook(resource, WEBHOOK, f"configuration is invalid: {_joined(found)}")


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
    weights = [route.get("weight", 0) for route in routes]
    if any(weight < 0 for weight in weights):
        yield "weight must be non-negative"
    elif len(weights) > 1 and sum(weights) == 0:
        yield "total destination weight = 0"
    for match in rule.get("match") or ():
        for part in ("uri", "scheme", "method", "authority"):
            if match.get(part) == {"prefix": ""}:
                yield f"HTTP match {part} prefix must be non-empty"


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
