"""What Linkerd's webhooks refuse, in their words.

[linkerd/linkerd2: policy-controller, admission.rs; pkg/profiles]
"""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TYPE_CHECKING

from harness.api.gateway_api.route import parse
from harness.api.objects import Fields, spec_of
from harness.api.refusal import Refused
from harness.base.errors import not_modelled
from harness.model.linkerd.config import POLICIES
from harness.model.linkerd.routing import limits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.base.resources import Resource

WEBHOOK = "linkerd-policy-validator.linkerd.io"
PROFILE_WEBHOOK = "linkerd-sp-validator.linkerd.io"

_DNS_NAME = r"^(\*|[a-z0-9]([-a-z0-9]*[a-z0-9])?)(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
_SPIFFE = re.compile(r"spiffe://[a-z0-9.\-_]+(/[a-zA-Z0-9.\-_]+)*")


def validate(resource: Resource) -> None:
    """Raises Refused with the first thing that a webhook finds wrong with a route or Linkerd's own kinds."""
    faults = {
        "Server": _server,
        "AuthorizationPolicy": _authorization_policy,
        "MeshTLSAuthentication": _mesh_tls,
        "NetworkAuthentication": _network,
        "ServerAuthorization": _server_authorization,
        "HTTPLocalRateLimitPolicy": _rate_limit,
        "EgressNetwork": _egress_network,
        "HTTPRoute": _route,
        "GRPCRoute": _route,
        "TLSRoute": _route,
        "TCPRoute": _route,
        "ServiceProfile": _service_profile,
    }.get(resource.kind)
    if faults is None:
        return
    webhook = PROFILE_WEBHOOK if resource.kind == "ServiceProfile" else WEBHOOK
    for words in faults(spec_of(resource), resource):
        raise Refused.by_webhook(resource, webhook, words)


def _server(spec: Fields, _: Resource) -> Iterator[str]:
    policy = spec.get("accessPolicy")
    if policy is not None and policy not in POLICIES:
        yield f"Invalid 'accessPolicy' field: invalid mode: \"{policy}\""


def _authorization_policy(spec: Fields, resource: Resource) -> Iterator[str]:
    target = spec.get("targetRef") or {}
    if target.get("kind") == "Namespace" and target.get("name") != resource.namespace:
        yield f"cannot target another namespace: {target.get('name')}"
    kinds = [reference.get("kind") for reference in spec.get("requiredAuthenticationRefs") or ()]
    for kind in ("MeshTLSAuthentication", "ServiceAccount", "NetworkAuthentication"):
        if kinds.count(kind) > 1:
            yield f"only a single {kind} may be set"
    if "MeshTLSAuthentication" in kinds and "ServiceAccount" in kinds:
        yield "a MeshTLSAuthentication and ServiceAccount may not be set together"
    unknown = [
        f"{reference.get('kind')}.{reference.get('group') or 'core'}"
        for reference in spec.get("requiredAuthenticationRefs") or ()
        if reference.get("kind") not in ("MeshTLSAuthentication", "ServiceAccount", "NetworkAuthentication")
    ]
    if unknown:
        yield f"unsupported authentication kind(s): {', '.join(unknown)}"


def _mesh_tls(spec: Fields, resource: Resource) -> Iterator[str]:
    for field in ("identities", "identityRefs"):
        if spec.get(field) == []:
            words = f"spec.{field}: Invalid value: 0: spec.{field} in body should have at least 1 items"
            raise Refused.invalid(resource, words)
    for identity in spec.get("identities") or ():
        if not re.match(_DNS_NAME, identity) and not _SPIFFE.fullmatch(identity):
            yield (
                f"id {identity} is invalid: identity must be a valid SPIFFE id or a DNS SAN, "
                f"matching the regex: {_DNS_NAME}"
            )
    for reference in spec.get("identityRefs") or ():
        kind = reference.get("kind")
        if kind == "Namespace" and reference.get("namespace"):
            yield "Namespace identity_ref is cluster-scoped and cannot have a namespace"
        elif kind not in ("Namespace", "ServiceAccount"):
            yield f"invalid identity target kind: {kind}"
        elif kind == "ServiceAccount" and not reference.get("name"):
            yield "missing field `name`"


def _network(spec: Fields, _: Resource) -> Iterator[str]:
    if not spec.get("networks"):
        yield "at least one network must be specified"
    yield from _networks(spec)


def _server_authorization(spec: Fields, _: Resource) -> Iterator[str]:
    client = spec.get("client") or {}
    tls = client.get("meshTLS")
    if tls and client.get("unauthenticated"):
        yield "`unauthenticated` must be false if `mesh_tls` is specified"
    if tls and tls.get("unauthenticatedTLS") and (tls.get("identities") or tls.get("serviceAccounts")):
        yield "`unauthenticatedTLS` be false if any `identities` or `service_accounts` is specified"
    yield from _networks(client)


def _networks(part: Fields) -> Iterator[str]:
    for network in part.get("networks") or ():
        cidr = ip_network(network["cidr"], strict=False)
        for text in network.get("except") or ():
            exception = ip_network(text, strict=False)
            if _contains(exception, cidr):
                yield f"cidr '{cidr}' is completely negated by exception '{exception}'"
            elif not _contains(cidr, exception):
                yield f"cidr '{cidr}' does not include exception '{exception}'"


def _contains(outer: IPv4Network | IPv6Network, inner: IPv4Network | IPv6Network) -> bool:
    return outer.version == inner.version and inner.subnet_of(outer)  # type: ignore[arg-type]


def _rate_limit(spec: Fields, _: Resource) -> Iterator[str]:
    target = spec["targetRef"]
    if target["kind"] != "Server":
        yield f"invalid targetRef kind: {target['kind']}.{target.get('group') or 'core'}"
    total, identity, overrides = spec.get("total"), spec.get("identity"), spec.get("overrides") or []
    if total:
        if total["requestsPerSecond"] == 0:
            yield "total.requestsPerSecond must be greater than 0"
        within = [("identity", identity)] if identity else []
        for name, part in within + [("override", part) for part in overrides]:
            if part["requestsPerSecond"] > total["requestsPerSecond"]:
                yield f"{name}.requestsPerSecond must be less than or equal to total.requestsPerSecond"
    if identity and identity["requestsPerSecond"] == 0:
        yield "identity.requestsPerSecond must be greater than 0"
    for part in overrides:
        if part["requestsPerSecond"] == 0:
            yield "override.requestsPerSecond must be greater than 0"
        if any(one["kind"] != "ServiceAccount" for one in part["clientRefs"]):
            yield "overrides.clientRefs must target a ServiceAccount"


def _egress_network(spec: Fields, _: Resource) -> Iterator[str]:
    if spec.get("networks") == []:
        yield "at least one network must be specified"
    yield from _networks(spec)


def _service_profile(spec: Fields, resource: Resource) -> Iterator[str]:
    for index, override in enumerate(spec.get("dstOverrides") or ()):
        if not re.fullmatch(r"[^:]+(:\d{1,5})?", override["authority"], re.ASCII):
            raise not_modelled(resource, f"spec.dstOverrides[{index}].authority", "it isn't a Service's name")
    named = f'ServiceProfile "{resource.name}"'
    for route in spec.get("routes") or ():
        if not _complete(route["condition"], "method", "pathRegex"):
            why = "A request match must have a field set"
            yield f"{named} has a route with an invalid condition: {why}"
        for answer in route.get("responseClasses") or ():
            if not _complete(answer["condition"], "status"):
                why = "A response match must have a field set"
                yield f"{named} has a response class with an invalid condition: {why}"
    ratio = (spec.get("retryBudget") or {}).get("retryRatio", 0)
    if ratio < 0:
        yield f"{named} RetryBudget RetryRatio must be non-negative: {ratio:f}"


def _complete(condition: Fields, *leaves: str) -> bool:
    """Whether a condition, and each one inside it, says anything."""
    inner = [*(condition.get("all") or ()), *(condition.get("any") or ())]
    inner += [condition["not"]] if condition.get("not") else []
    says = any(condition.get(leaf) for leaf in leaves) or {"all", "any", "not"} & condition.keys()
    return bool(says) and all(_complete(part, *leaves) for part in inner)


def _route(spec: Fields, resource: Resource) -> Iterator[str]:
    """What both HTTPRoutes, GRPCRoutes, TLSRoutes and TCPRoutes are refused for."""
    parents = [
        (one.kind, "core" if one.group in (None, "", "core") else one.group, one.port)
        for one in parse(resource).parents
    ]
    if any(one == ("EgressNetwork", "policy.linkerd.io", None) for one in parents):
        yield "cannot target an EgressNetwork without specifying a port"
    if resource.kind in ("TLSRoute", "TCPRoute"):
        if len(spec.get("rules") or ()) != 1:
            yield f"{resource.kind.capitalize().replace('route', 'Route')} supports a single rule only"
        return
    ours = [one[:2] for one in parents]
    if ("Service", "core") in ours or ("EgressNetwork", "policy.linkerd.io") in ours:
        refusal = limits.refusal(resource)
        if refusal:
            yield refusal
    for rule in spec.get("rules") or ():
        for match in (rule or {}).get("matches") or ():
            rpc = match.get("method")
            if isinstance(rpc, dict) and rpc.get("type") == "RegularExpression":
                yield "unsupported GRPCRoute method match type: Some(RegularExpression)"
        for backend in (rule or {}).get("backendRefs") or ():
            service = not backend.get("group") and backend.get("kind", "Service") == "Service"
            if service and backend.get("port") is None:
                yield "cannot reference a Service without a port"
