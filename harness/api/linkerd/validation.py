"""What Linkerd's webhooks refuse, in their words.

[linkerd/linkerd2: policy-controller, admission.rs; pkg/profiles]
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.api.gateway_api.route import KINDS
from harness.api.linkerd import POLICIES
from harness.api.linkerd.identity import fault as identity_fault
from harness.api.linkerd.policy import (
    AUTHENTICATIONS,
    MESH_TLS,
    NAMESPACE,
    SERVER,
    SERVICE_ACCOUNT,
    TARGETS,
    EgressNetwork,
    HTTPLocalRateLimitPolicy,
    LinkerdAuthorizationPolicy,
    LinkerdServer,
    MeshTLSAuthentication,
    NetworkAuthentication,
    ServerAuthorization,
    within,
)
from harness.api.linkerd.route_validation import faults as route_faults
from harness.api.linkerd.service_profile import ServiceProfile
from harness.api.refusal import Fault, Refused, about
from harness.base.errors import not_modelled

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from harness.api.linkerd.policy import NetworkBlock, PolicyRef, RequestRate
    from harness.api.linkerd.service_profile import RequestCondition, ResponseCondition
    from harness.api.node import Node
    from harness.base.resources import Resource

WEBHOOK = "linkerd-policy-validator.linkerd.io"
PROFILE_WEBHOOK = "linkerd-sp-validator.linkerd.io"


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
        **dict.fromkeys(KINDS, route_faults),
        "ServiceProfile": _service_profile,
    }.get(resource.kind)
    if find is None:
        return
    webhook = PROFILE_WEBHOOK if resource.kind == "ServiceProfile" else WEBHOOK
    for fault in about("spec", find(resource)):
        raise Refused.by_webhook(resource, webhook, fault, fault.path)


def _server(resource: Resource) -> Iterator[str]:
    server = LinkerdServer.kept(resource)
    if server.has("podSelector") is server.has("externalWorkloadSelector"):
        raise _none_of(resource, "spec")
    policy = server.data.get("accessPolicy")
    if policy is not None and policy not in POLICIES:
        yield Fault(f"Invalid 'accessPolicy' field: invalid mode: \"{policy}\"", server.at("accessPolicy"))


def _authorization_policy(resource: Resource) -> Iterator[str]:
    policy = LinkerdAuthorizationPolicy.kept(resource)
    target, references = policy.target, policy.authentications
    if target.means == NAMESPACE and target.name != resource.namespace:
        yield Fault(f"cannot target another namespace: {target.name}", target.at("name"))
    kinds = [reference.means for reference in references]
    for kind in AUTHENTICATIONS:
        if kinds.count(kind) > 1:
            second = kinds.index(kind, kinds.index(kind) + 1)
            yield Fault(f"only a single {kind[1]} may be set", references[second].path)
    if MESH_TLS in kinds and SERVICE_ACCOUNT in kinds:
        words = "a MeshTLSAuthentication and ServiceAccount may not be set together"
        yield Fault(words, references[kinds.index(SERVICE_ACCOUNT)].path)
    unknown = [reference for reference in references if reference.means not in AUTHENTICATIONS]
    if unknown:
        listed = ", ".join(reference.words for reference in unknown)
        yield Fault(f"unsupported authentication kind(s): {listed}", unknown[0].at("kind"))
    if target.means not in TARGETS:
        yield Fault(f"unsupported authorization target type: {target.words}", target.at("kind"))


def _mesh_tls(resource: Resource) -> Iterator[str]:
    authentication = MeshTLSAuthentication.kept(resource)
    for field in ("identities", "identityRefs"):
        if authentication.data.get(field) == []:
            words = f"Invalid value: 0: spec.{field} in body should have at least 1 items"
            raise Refused.invalid(resource, f"spec.{field}", words)
    if not (authentication.written or authentication.references):
        raise _none_of(resource, "spec")
    yield from _nameless(authentication.references)
    for index, identity in enumerate(authentication.written):
        if fault := identity_fault(identity):
            yield Fault(f"id {identity} is invalid: {fault}", authentication.entry("identities", index))
    for reference in authentication.references:
        if reference.means == NAMESPACE and reference.has("namespace"):
            words = "Namespace identity_ref is cluster-scoped and cannot have a namespace"
            yield Fault(words, reference.at("namespace"))
        elif reference.means not in (NAMESPACE, SERVICE_ACCOUNT):
            yield Fault(f"invalid identity target kind: {reference.words}", reference.at("kind"))


def _nameless(references: Iterable[PolicyRef]) -> Iterator[str]:
    """References without a name, which their definitions take and the policy controller can't read."""
    for reference in references:
        if not reference.has("name"):
            yield Fault("missing field `name`", reference.at("name"))


def _network(resource: Resource) -> Iterator[str]:
    authentication = NetworkAuthentication.kept(resource)
    if not authentication.networks:
        yield Fault("at least one network must be specified", authentication.at("networks"))
    yield from _networks(authentication.networks)


def _server_authorization(resource: Resource) -> Iterator[str]:
    server, client = ServerAuthorization.kept(resource).server, ServerAuthorization.kept(resource).client
    if not (server.has("name") or server.has("selector")):
        raise _none_of(resource, server.path)
    if client.has("meshTLS") and client.unauthenticated:
        words = "`unauthenticated` must be false if `mesh_tls` is specified"
        yield Fault(words, client.at("unauthenticated"))
    if client.tls.anyone and (client.tls.written or client.tls.accounts):
        words = "`unauthenticatedTLS` be false if any `identities` or `service_accounts` is specified"
        yield Fault(words, client.tls.at("unauthenticatedTLS"))
    yield from _networks(client.networks)


def _none_of(resource: Resource, field: str) -> Refused:
    """The refusal by a definition that wants one of several fields."""
    words = f'"{field}" must validate one and only one schema (oneOf). Found none valid'
    return Refused.invalid(resource, field, f'Invalid value: "": {words}')


def _networks(blocks: Sequence[NetworkBlock]) -> Iterator[str]:
    for block in blocks:
        for index, (written, exception) in enumerate(
            zip(block.written_exceptions, block.exceptions, strict=True)
        ):
            if within(block.cidr, exception):
                words = f"cidr '{block.written}' is completely negated by exception '{written}'"
                yield Fault(words, block.entry("except", index))
            elif not within(exception, block.cidr):
                words = f"cidr '{block.written}' does not include exception '{written}'"
                yield Fault(words, block.entry("except", index))


def _rate_limit(resource: Resource) -> Iterator[str]:
    policy = HTTPLocalRateLimitPolicy.kept(resource)
    target, total, identity = policy.target, policy.total, policy.identity
    for rate in (*(part for part in (total, identity) if part), *policy.overrides):
        if not 0 <= rate.requests < 1 << 32:
            yield Fault(
                f"invalid value: integer `{rate.requests}`, expected u32", rate.at("requestsPerSecond")
            )
    if target.means != SERVER:
        yield Fault(f"invalid targetRef kind: {target.words}", target.at("kind"))
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
            if client.means != SERVICE_ACCOUNT:
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
        if not route.name:
            yield Fault(f"{named} has a route with no name", route.at("name"))
        for silent in _silent(route.condition, "method", "pathRegex"):
            why = "A request match must have a field set"
            yield Fault(f"{named} has a route with an invalid condition: {why}", silent.path)
        for part in route.classes:
            for fault in about(part.at("condition"), _answers(part.condition)):
                words = f"{named} has a response class with an invalid condition: {fault}"
                yield Fault(words, fault.path)
    if profile.budget.ratio < 0:
        words = f"{named} RetryBudget RetryRatio must be non-negative: {float(profile.budget.ratio):f}"
        yield Fault(words, profile.budget.at("retryRatio"))


def _silent(condition: RequestCondition | ResponseCondition, *leaves: str) -> Iterator[Node]:
    """A condition that says nothing, or those inside it."""
    if not any(map(condition.data.get, leaves)) and not any(
        map(condition.has, ("all", "any", "not", "status"))
    ):
        yield condition
    for part in (*condition.all, *condition.any, *([condition.negated] if condition.negated else [])):
        yield from _silent(part, *leaves)


def _answers(condition: ResponseCondition) -> Iterator[str]:
    """What is wrong with a condition for answers: it says nothing, or its statuses are none."""
    for silent in _silent(condition):
        yield Fault("A response match must have a field set", silent.path)
    for part in _parts(condition):
        low, high = part.status.low, part.status.high
        for bound, what in ((low, "minimum"), (high, "maximum")):
            if bound and not 100 <= bound <= 599:
                yield Fault(f"Range {what} must be between 100 and 599, inclusive", part.status.path)
        if low and high and high < low:
            yield Fault("Range maximum cannot be smaller than minimum", part.status.path)


def _parts(condition: ResponseCondition) -> Iterator[ResponseCondition]:
    yield condition
    for part in (*condition.all, *condition.any, *([condition.negated] if condition.negated else [])):
        yield from _parts(part)
