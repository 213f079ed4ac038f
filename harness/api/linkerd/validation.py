"""What Linkerd's webhooks refuse, in their words.

[linkerd/linkerd2: policy-controller, admission.rs; pkg/profiles]
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.api.gateway_api.route import Route
from harness.api.linkerd import GROUP, POLICIES, annotation
from harness.api.linkerd.policy import (
    EgressNetwork,
    HTTPLocalRateLimitPolicy,
    LinkerdAuthorizationPolicy,
    LinkerdServer,
    MeshTLSAuthentication,
    NetworkAuthentication,
    ServerAuthorization,
    within,
)
from harness.api.linkerd.service_profile import ServiceProfile
from harness.api.refusal import Refused
from harness.base import expressions
from harness.base.errors import not_modelled
from harness.base.expressions import Dialect

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.api.linkerd.policy import NetworkBlock
    from harness.api.linkerd.service_profile import RequestCondition, ResponseCondition
    from harness.base.resources import Resource

WEBHOOK = "linkerd-policy-validator.linkerd.io"
PROFILE_WEBHOOK = "linkerd-sp-validator.linkerd.io"

_DNS_NAME = r"^(\*|[a-z0-9]([-a-z0-9]*[a-z0-9])?)(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
_SPIFFE = re.compile(r"spiffe://[a-z0-9.\-_]+(/[a-zA-Z0-9.\-_]+)*")
_AUTHENTICATIONS = ("MeshTLSAuthentication", "ServiceAccount", "NetworkAuthentication")


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
    for words in faults(resource):
        raise Refused.by_webhook(resource, webhook, words)


def _server(resource: Resource) -> Iterator[str]:
    policy = LinkerdServer.kept(resource).data.get("accessPolicy")
    if policy is not None and policy not in POLICIES:
        yield f"Invalid 'accessPolicy' field: invalid mode: \"{policy}\""


def _authorization_policy(resource: Resource) -> Iterator[str]:
    policy = LinkerdAuthorizationPolicy.kept(resource)
    if policy.target.kind == "Namespace" and policy.target.name != resource.namespace:
        yield f"cannot target another namespace: {policy.target.name}"
    kinds = [reference.kind for reference in policy.authentications]
    for kind in _AUTHENTICATIONS:
        if kinds.count(kind) > 1:
            yield f"only a single {kind} may be set"
    if "MeshTLSAuthentication" in kinds and "ServiceAccount" in kinds:
        yield "a MeshTLSAuthentication and ServiceAccount may not be set together"
    unknown = [
        f"{reference.kind}.{reference.group or 'core'}"
        for reference in policy.authentications
        if reference.kind not in _AUTHENTICATIONS
    ]
    if unknown:
        yield f"unsupported authentication kind(s): {', '.join(unknown)}"


def _mesh_tls(resource: Resource) -> Iterator[str]:
    authentication = MeshTLSAuthentication.kept(resource)
    for field in ("identities", "identityRefs"):
        if authentication.data.get(field) == []:
            words = f"Invalid value: 0: spec.{field} in body should have at least 1 items"
            raise Refused.invalid(resource, f"spec.{field}", words)
    for identity in authentication.written:
        if not re.match(_DNS_NAME, identity) and not _SPIFFE.fullmatch(identity):
            yield (
                f"id {identity} is invalid: identity must be a valid SPIFFE id or a DNS SAN, "
                f"matching the regex: {_DNS_NAME}"
            )
    for reference in authentication.references:
        if reference.kind == "Namespace" and reference.written_namespace:
            yield "Namespace identity_ref is cluster-scoped and cannot have a namespace"
        elif reference.kind not in ("Namespace", "ServiceAccount"):
            yield f"invalid identity target kind: {reference.kind}"
        elif reference.kind == "ServiceAccount" and not reference.name:
            yield "missing field `name`"


def _network(resource: Resource) -> Iterator[str]:
    networks = NetworkAuthentication.kept(resource).networks
    if not networks:
        yield "at least one network must be specified"
    yield from _networks(networks)


def _server_authorization(resource: Resource) -> Iterator[str]:
    client = ServerAuthorization.kept(resource).client
    if client.tls and client.unauthenticated:
        yield "`unauthenticated` must be false if `mesh_tls` is specified"
    if client.tls.anyone and (client.tls.written or client.tls.accounts):
        yield "`unauthenticatedTLS` be false if any `identities` or `service_accounts` is specified"
    yield from _networks(client.networks)


def _networks(blocks: Sequence[NetworkBlock]) -> Iterator[str]:
    for block in blocks:
        for exception in block.exceptions:
            if within(block.cidr, exception):
                yield f"cidr '{block.cidr}' is completely negated by exception '{exception}'"
            elif not within(exception, block.cidr):
                yield f"cidr '{block.cidr}' does not include exception '{exception}'"


def _rate_limit(resource: Resource) -> Iterator[str]:
    policy = HTTPLocalRateLimitPolicy.kept(resource)
    target, total, identity = policy.target, policy.total, policy.identity
    if target.kind != "Server":
        yield f"invalid targetRef kind: {target.kind}.{target.group or 'core'}"
    if total:
        if total.requests == 0:
            yield "total.requestsPerSecond must be greater than 0"
        within_total = [("identity", identity.requests)] if identity else []
        within_total += [("override", part.requests) for part in policy.overrides]
        for name, requests in within_total:
            if requests > total.requests:
                yield f"{name}.requestsPerSecond must be less than or equal to total.requestsPerSecond"
    if identity and identity.requests == 0:
        yield "identity.requestsPerSecond must be greater than 0"
    for part in policy.overrides:
        if part.requests == 0:
            yield "override.requestsPerSecond must be greater than 0"
        if any(client.kind != "ServiceAccount" for client in part.clients):
            yield "overrides.clientRefs must target a ServiceAccount"


def _egress_network(resource: Resource) -> Iterator[str]:
    network = EgressNetwork.kept(resource)
    if network.has("networks") and not network.networks:
        yield "at least one network must be specified"
    yield from _networks(network.networks)


def _service_profile(resource: Resource) -> Iterator[str]:
    profile = ServiceProfile.kept(resource)
    for override in profile.written_overrides:
        if not re.fullmatch(r"[^:]+(:\d{1,5})?", override.authority, re.ASCII):
            raise not_modelled(resource, override.at("authority"), "it isn't a Service's name")
    named = f'ServiceProfile "{resource.name}"'
    for route in profile.routes:
        if not _complete(route.condition, "method", "pathRegex"):
            why = "A request match must have a field set"
            yield f"{named} has a route with an invalid condition: {why}"
        for part in route.classes:
            if not _complete(part.condition, "status"):
                why = "A response match must have a field set"
                yield f"{named} has a response class with an invalid condition: {why}"
    if profile.budget.ratio < 0:
        yield f"{named} RetryBudget RetryRatio must be non-negative: {float(profile.budget.ratio):f}"


def _complete(condition: RequestCondition | ResponseCondition, *leaves: str) -> bool:
    """Whether a condition, and each one inside it, says anything."""
    inner = [*condition.all, *condition.any, *([condition.negated] if condition.negated else [])]
    says = any(condition.data.get(leaf) for leaf in leaves) or any(
        condition.has(key) for key in ("all", "any", "not")
    )
    return says and all(_complete(part, *leaves) for part in inner)


def _route(resource: Resource) -> Iterator[str]:
    """What both HTTPRoutes, GRPCRoutes, TLSRoutes and TCPRoutes are refused for."""
    route = Route.kept(resource)
    parents = [
        (parent.kind, "core" if parent.group in (None, "", "core") else parent.group, parent.port)
        for parent in route.parents
    ]
    if ("EgressNetwork", GROUP, None) in parents:
        yield "cannot target an EgressNetwork without specifying a port"
    if resource.kind in ("TLSRoute", "TCPRoute"):
        if len(route.written_rules) != 1:
            yield f"{resource.kind.capitalize().replace('route', 'Route')} supports a single rule only"
        return
    ours = [parent[:2] for parent in parents]
    if ("Service", "core") in ours or ("EgressNetwork", GROUP) in ours:
        refusal = annotation.unreadable(resource)
        if refusal:
            yield refusal
    for rule in route.written_rules:
        if any(match.rpc and match.rpc.is_regex for match in rule.written_matches):
            yield "unsupported GRPCRoute method match type: Some(RegularExpression)"
        for _, text in (written for match in rule.written_matches for written in match.expressions):
            if fault := expressions.fault(text.value, Dialect.RUST):
                yield f"regex parse error: {fault.why}"
        if any((to.group, to.kind, to.port) == ("", "Service", None) for to in rule.backends):
            yield "cannot reference a Service without a port"
