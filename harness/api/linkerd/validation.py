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
from harness.api.refusal import Fault, Refused, about
from harness.base import expressions
from harness.base.errors import not_modelled
from harness.base.expressions import Dialect

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.api.linkerd.policy import NetworkBlock, RequestRate
    from harness.api.linkerd.service_profile import RequestCondition, ResponseCondition
    from harness.api.node import Node
    from harness.base.resources import Resource

WEBHOOK = "linkerd-policy-validator.linkerd.io"
PROFILE_WEBHOOK = "linkerd-sp-validator.linkerd.io"

_DNS_NAME = r"^(\*|[a-z0-9]([-a-z0-9]*[a-z0-9])?)(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
_SPIFFE = re.compile(r"spiffe://[a-z0-9.\-_]+(/[a-zA-Z0-9.\-_]+)*")
_AUTHENTICATIONS = ("MeshTLSAuthentication", "ServiceAccount", "NetworkAuthentication")


def validate(resource: Resource) -> None:
    """Raises Refused with the first thing that a webhook finds wrong with a route or Linkerd's own kinds."""
    find = {
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
    if find is None:
        return
    webhook = PROFILE_WEBHOOK if resource.kind == "ServiceProfile" else WEBHOOK
    for fault in about("spec", find(resource)):
        raise Refused.by_webhook(resource, webhook, fault, fault.path)


def _server(resource: Resource) -> Iterator[str]:
    server = LinkerdServer.kept(resource)
    policy = server.data.get("accessPolicy")
    if policy is not None and policy not in POLICIES:
        yield Fault(f"Invalid 'accessPolicy' field: invalid mode: \"{policy}\"", server.at("accessPolicy"))


def _authorization_policy(resource: Resource) -> Iterator[str]:
    policy = LinkerdAuthorizationPolicy.kept(resource)
    if policy.target.kind == "Namespace" and policy.target.name != resource.namespace:
        yield Fault(f"cannot target another namespace: {policy.target.name}", policy.target.at("name"))
    references = policy.authentications
    kinds = [reference.kind for reference in references]
    for kind in _AUTHENTICATIONS:
        if kinds.count(kind) > 1:
            second = kinds.index(kind, kinds.index(kind) + 1)
            yield Fault(f"only a single {kind} may be set", references[second].path)
    if "MeshTLSAuthentication" in kinds and "ServiceAccount" in kinds:
        words = "a MeshTLSAuthentication and ServiceAccount may not be set together"
        yield Fault(words, references[kinds.index("ServiceAccount")].path)
    unknown = [reference for reference in references if reference.kind not in _AUTHENTICATIONS]
    if unknown:
        listed = ", ".join(f"{reference.kind}.{reference.group or 'core'}" for reference in unknown)
        yield Fault(f"unsupported authentication kind(s): {listed}", unknown[0].at("kind"))


def _mesh_tls(resource: Resource) -> Iterator[str]:
    authentication = MeshTLSAuthentication.kept(resource)
    for field in ("identities", "identityRefs"):
        if authentication.data.get(field) == []:
            words = f"Invalid value: 0: spec.{field} in body should have at least 1 items"
            raise Refused.invalid(resource, f"spec.{field}", words)
    for index, identity in enumerate(authentication.written):
        if not re.match(_DNS_NAME, identity) and not _SPIFFE.fullmatch(identity):
            yield Fault(
                f"id {identity} is invalid: identity must be a valid SPIFFE id or a DNS SAN, "
                f"matching the regex: {_DNS_NAME}",
                authentication.entry("identities", index),
            )
    for reference in authentication.references:
        if reference.kind == "Namespace" and reference.written_namespace:
            words = "Namespace identity_ref is cluster-scoped and cannot have a namespace"
            yield Fault(words, reference.at("namespace"))
        elif reference.kind not in ("Namespace", "ServiceAccount"):
            yield Fault(f"invalid identity target kind: {reference.kind}", reference.at("kind"))
        elif reference.kind == "ServiceAccount" and not reference.name:
            yield Fault("missing field `name`", reference.at("name"))


def _network(resource: Resource) -> Iterator[str]:
    authentication = NetworkAuthentication.kept(resource)
    if not authentication.networks:
        yield Fault("at least one network must be specified", authentication.at("networks"))
    yield from _networks(authentication.networks)


def _server_authorization(resource: Resource) -> Iterator[str]:
    client = ServerAuthorization.kept(resource).client
    if client.tls and client.unauthenticated:
        words = "`unauthenticated` must be false if `mesh_tls` is specified"
        yield Fault(words, client.at("unauthenticated"))
    if client.tls.anyone and (client.tls.written or client.tls.accounts):
        words = "`unauthenticatedTLS` be false if any `identities` or `service_accounts` is specified"
        yield Fault(words, client.tls.at("unauthenticatedTLS"))
    yield from _networks(client.networks)


def _networks(blocks: Sequence[NetworkBlock]) -> Iterator[str]:
    for block in blocks:
        for index, exception in enumerate(block.exceptions):
            if within(block.cidr, exception):
                words = f"cidr '{block.cidr}' is completely negated by exception '{exception}'"
                yield Fault(words, block.entry("except", index))
            elif not within(exception, block.cidr):
                words = f"cidr '{block.cidr}' does not include exception '{exception}'"
                yield Fault(words, block.entry("except", index))


def _rate_limit(resource: Resource) -> Iterator[str]:
    policy = HTTPLocalRateLimitPolicy.kept(resource)
    target, total, identity = policy.target, policy.total, policy.identity
    if target.kind != "Server":
        yield Fault(f"invalid targetRef kind: {target.kind}.{target.group or 'core'}", target.at("kind"))
    if total:
        if total.requests == 0:
            yield Fault("total.requestsPerSecond must be greater than 0", total.at("requestsPerSecond"))
        rates: list[tuple[str, RequestRate]] = [("identity", identity)] if identity else []
        rates += [("override", part) for part in policy.overrides]
        for name, rate in rates:
            if rate.requests > total.requests:
                words = f"{name}.requestsPerSecond must be less than or equal to total.requestsPerSecond"
                yield Fault(words, rate.at("requestsPerSecond"))
    if identity and identity.requests == 0:
        yield Fault("identity.requestsPerSecond must be greater than 0", identity.at("requestsPerSecond"))
    for part in policy.overrides:
        if part.requests == 0:
            yield Fault("override.requestsPerSecond must be greater than 0", part.at("requestsPerSecond"))
        for client in part.clients:
            if client.kind != "ServiceAccount":
                yield Fault("overrides.clientRefs must target a ServiceAccount", client.at("kind"))


def _egress_network(resource: Resource) -> Iterator[str]:
    network = EgressNetwork.kept(resource)
    if network.has("networks") and not network.networks:
        yield Fault("at least one network must be specified", network.at("networks"))
    yield from _networks(network.networks)


def _service_profile(resource: Resource) -> Iterator[str]:
    profile = ServiceProfile.kept(resource)
    for override in profile.written_overrides:
        if not re.fullmatch(r"[^:]+(:\d{1,5})?", override.authority, re.ASCII):
            raise not_modelled(resource, override.at("authority"), "it isn't a Service's name")
    named = f'ServiceProfile "{resource.name}"'
    for route in profile.routes:
        for silent in _silent(route.condition, "method", "pathRegex"):
            why = "A request match must have a field set"
            yield Fault(f"{named} has a route with an invalid condition: {why}", silent.path)
        for part in route.classes:
            for silent in _silent(part.condition, "status"):
                why = "A response match must have a field set"
                words = f"{named} has a response class with an invalid condition: {why}"
                yield Fault(words, silent.path)
    if profile.budget.ratio < 0:
        words = f"{named} RetryBudget RetryRatio must be non-negative: {float(profile.budget.ratio):f}"
        yield Fault(words, profile.budget.at("retryRatio"))


def _silent(condition: RequestCondition | ResponseCondition, *leaves: str) -> Iterator[Node]:
    """A condition that says nothing, or those inside it."""
    if not any(map(condition.data.get, leaves)) and not any(map(condition.has, ("all", "any", "not"))):
        yield condition
    for part in (*condition.all, *condition.any, *([condition.negated] if condition.negated else [])):
        yield from _silent(part, *leaves)


def _route(resource: Resource) -> Iterator[str]:
    """What both HTTPRoutes, GRPCRoutes, TLSRoutes and TCPRoutes are refused for."""
    route = Route.kept(resource)
    parents = [
        (parent.kind, "core" if parent.group in (None, "", "core") else parent.group, parent.port)
        for parent in route.parents
    ]
    whole = ("EgressNetwork", GROUP, None)
    if whole in parents:
        words = "cannot target an EgressNetwork without specifying a port"
        yield Fault(words, route.parents[parents.index(whole)].path)
    if resource.kind in ("TLSRoute", "TCPRoute"):
        if len(route.written_rules) != 1:
            words = f"{resource.kind.capitalize().replace('route', 'Route')} supports a single rule only"
            yield Fault(words, route.at("rules"))
        return
    ours = [parent[:2] for parent in parents]
    if ("Service", "core") in ours or ("EgressNetwork", GROUP) in ours:
        refusal = annotation.unreadable(resource)
        if refusal:
            yield refusal
    for rule in route.written_rules:
        for match in rule.written_matches:
            if match.rpc and match.rpc.is_regex:
                words = "unsupported GRPCRoute method match type: Some(RegularExpression)"
                yield Fault(words, f"{match.at('method')}.type")
        for field, text in (written for match in rule.written_matches for written in match.expressions):
            if fault := expressions.fault(text.value, Dialect.RUST):
                yield Fault(f"regex parse error: {fault.why}", field)
        for to in rule.backends:
            if (to.group, to.kind, to.port) == ("", "Service", None):
                yield Fault("cannot reference a Service without a port", to.path)
