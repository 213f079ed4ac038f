"""What is in force at a pod's port: the Server's protocol, routes and limit, and who is let in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.api.kubernetes.metadata import labels_of
from harness.api.linkerd import GROUP, POLICIES
from harness.api.linkerd.annotation import DEFAULT_POLICY, IDENTITY_PORTS
from harness.api.linkerd.identity import (
    service_account,
)
from harness.api.linkerd.policy import (
    GRPC,
    NAMESPACE,
    OPAQUE,
    SERVER,
    UNKNOWN,
    HTTPLocalRateLimitPolicy,
    LinkerdAuthorizationPolicy,
    RateOverride,
    RequestRate,
    ServerAuthorization,
)
from harness.api.linkerd.ports import strict
from harness.base.vocabulary import Mesh
from harness.model.linkerd import config, ports
from harness.model.linkerd.policy import authentication
from harness.model.linkerd.policy.authentication import Authorization
from harness.model.linkerd.policy.server import server_at
from harness.model.linkerd.routing import index
from harness.model.state.tables import SelectorTable, grouped, per_key, per_state
from harness.traffic.series import Rate
from harness.traffic.trace import Action, Step, built_in, step

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.api.gateway_api.route import Route
    from harness.api.linkerd.policy import PolicyRef
    from harness.base.resources import Resource
    from harness.model.message import Arrival
    from harness.model.state import Pod, State

_NAME = ""
"""Stands among a Server's labels for its name: no label has an empty key."""


@dataclass(frozen=True)
class PortPolicy:
    """The policy at a port; `routes` are those attached to its Server, if it has one."""

    protocol: str
    authorizations: tuple[Authorization, ...]
    trace: tuple[Step, ...]
    routes: tuple[Route, ...] = ()
    limits: tuple[HTTPLocalRateLimitPolicy, ...] = ()
    """Those on the Server: the oldest counts (of one age: the first by name)."""


@per_key(lambda pod, port: (pod.namespace, pod.name, pod.machine, port))
def at(state: State, pod: Pod, port: int) -> PortPolicy:
    """Returns the policy of the Server that selects a pod's port, else the pod's default policy."""
    server = server_at(state, pod, port)
    if server is None:
        return _default(state, pod, port)
    resource, access, grpc = server.resource, server.access_policy, server.protocol == GRPC
    authorizations, lost = _of_server(state, resource)
    attached, ignored = _attached(state, resource, "GRPCRoute" if grpc else "HTTPRoute")
    text = "selects {}; its accessPolicy is {}"
    selects = step(resource, "spec.podSelector", Action.MATCHED, text, pod.workload, access)
    return PortPolicy(
        server.protocol,
        (*authorizations, *authentication.of_default(config.of(state), access, resource)),
        (selects, *lost, *ignored),
        attached,
        () if grpc else tuple(rate_limits(state).get((resource.namespace, resource.name), ())),
    )


def of_route(state: State, route: Route) -> tuple[tuple[Authorization, ...], tuple[Step, ...]]:
    """Returns whom policies on a route let in, and why others of them don't count."""
    resource = route.resource
    return _parted(
        authentication.of_policy(state, policy)
        for policy in _targeting(state, resource.namespace, (resource.group, resource.kind), resource.name)
    )


def _parted(
    made: Iterable[Authorization | Step],
) -> tuple[tuple[Authorization, ...], tuple[Step, ...]]:
    """The authorizations, and why there are no others."""
    listed = tuple(made)
    authorizations = tuple(each for each in listed if isinstance(each, Authorization))
    return authorizations, tuple(each for each in listed if isinstance(each, Step))


def _default(state: State, pod: Pod, port: int) -> PortPolicy:
    settings = config.of(state)
    own = pod.annotations.get(DEFAULT_POLICY)
    name = own if own in POLICIES else settings.default_policy
    text, parts = "no Server selects {}'s port: its default inbound policy is {}", (pod.workload, name)
    if own == name:
        trace = [built_in(Action.MATCHED, text, *parts)]
    else:
        trace = [config.setting(settings, "proxy.defaultInboundPolicy", text, *parts)]
    if port in strict(pod.annotations.get(IDENTITY_PORTS, "")) and name.endswith("unauthenticated"):
        name = name.replace("unauthenticated", "authenticated")
        text = "{} of {} has the port: {}"
        trace.append(built_in(Action.MATCHED, text, IDENTITY_PORTS, pod.workload, name))
    opaque = ports.opaque_inbound(state, pod, port)
    trace += [
        step(policy, "spec.targetRef", Action.HIDDEN, "targets the Namespace: acts through Servers only")
        for policy in _targeting(state, pod.namespace, NAMESPACE)
    ]
    return PortPolicy(OPAQUE if opaque else UNKNOWN, authentication.of_default(settings, name), tuple(trace))


def _attached(state: State, parent: Resource, kind: str) -> tuple[tuple[Route, ...], tuple[Step, ...]]:
    """The routes on a Server, older first, and why others aren't: a GRPCRoute on it shuts HTTPRoutes out."""
    indexed, lost = index.indexed(state, kind, parent)
    attached = []
    for route in indexed:
        why = _detached(state, route, parent)
        if why == "":
            attached.append(route)
        elif why:
            lost.append(step(route.resource, "spec.parentRefs", Action.UNMATCHED, "{}", why))
    return tuple(attached), tuple(lost)


def _detached(state: State, route: Route, parent: Resource) -> str | None:
    """Why a route isn't on a Server: empty if it is, None if it doesn't name it."""
    named = [ref for ref in route.parents if (ref.group, ref.kind) == (GROUP, "Server")]
    if not any((ref.namespace, ref.name) == (parent.namespace, parent.name) for ref in named):
        return None
    if any(ref.namespace != route.resource.namespace or ref.port or ref.section for ref in named):
        return "a Server's route names it without port and section, and is in its namespace: ignored"
    other = index.conflict(state, parent, route.resource.kind, None)
    return f"{other} is on the Server, too: not accepted (RouteReasonConflicted)" if other else ""


def _of_server(state: State, server: Resource) -> tuple[tuple[Authorization, ...], tuple[Step, ...]]:
    labels = {**labels_of(server), _NAME: server.name}
    older = _server_authorizations(state).selecting(server.namespace, labels)
    policies = [*_targeting(state, server.namespace, SERVER, server.name)]
    made = [
        authentication.of_server_authorization(config.of(state), authorization)
        for authorization in older
        if ServerAuthorization.kept(authorization).server.includes(server)
    ]
    policies += _targeting(state, server.namespace, NAMESPACE)
    return _parted((*made, *(authentication.of_policy(state, policy) for policy in policies)))


@per_state
def _server_authorizations(state: State) -> SelectorTable[Resource]:
    every = state.all(GROUP, "ServerAuthorization")
    read = ((authorization, ServerAuthorization.kept(authorization).server) for authorization in every)
    return SelectorTable(
        (each.namespace, {_NAME: servers.name} if servers.name else servers.selector.match_labels, each)
        for each, servers in read
    )


def _targeting(state: State, namespace: str, kind: tuple[str, str], name: str = "") -> list[Resource]:
    """The namespace's policies for a target of a group and kind (Namespace: without name), older first."""
    return _by_target(state).get((namespace, kind, name), [])


@per_state
def _by_target(state: State) -> dict[tuple[str, tuple[str, str], str], list[Resource]]:
    """All policies by what they are on: whatever a Namespace is called, and routes in any case."""
    every = state.all(GROUP, "AuthorizationPolicy")
    targeting = ((policy, LinkerdAuthorizationPolicy.kept(policy).target) for policy in every)
    return grouped(((policy.namespace, to.means, _name(to)), policy) for policy, to in targeting)


def _name(target: PolicyRef) -> str:
    if target.means == NAMESPACE:
        return ""
    return target.name if target.means == SERVER else target.name.lower()


def limited(
    state: State, limits: tuple[HTTPLocalRateLimitPolicy, ...], arrival: Arrival
) -> tuple[tuple[Rate, ...], list[Step]]:
    """Returns the limits that a client's requests are under, the narrower last, and what says them.

    A limit depends on the requests before: each proxy lets a burst of a second's worth pass, and then what
    the rate allows. A request that the model decides comes alone, so within every limit.
    """
    text = "{} is older: one limit counts for a Server"
    trace = [
        step(other.resource, "spec.targetRef", Action.OUTRANKED, text, limits[0].resource)
        for other in limits[1:]
    ]
    rates = []
    for policy in limits[:1]:
        override = _override(state, policy, arrival)
        own = (policy.identity, _EACH) if override is None else (override, _named(override))
        for limit, clients in ((policy.total, _ALL), own):
            if limit.requests:  # 0 is no limit
                rates.append(Rate(limit.requests, clients))
                trace.append(_limit(limit, clients))
    return tuple(rates), trace


_ALL, _EACH = "all clients together", "each identity (the unmeshed as one)"


def _named(override: RateOverride) -> str:
    names = sorted(f"{who.namespace}/{who.name}" for who in override.clients)
    return f"{' and '.join(names)} together"


def _override(state: State, policy: HTTPLocalRateLimitPolicy, arrival: Arrival) -> RateOverride | None:
    """The last override for the client's identity: a later one takes an earlier one's place."""
    if arrival.tls is not Mesh.LINKERD:
        return None
    identity, domain = arrival.client.identities[Mesh.LINKERD], config.of(state).trust_domain
    for override in reversed([each for each in policy.overrides if each.requests]):
        if any(service_account(who.name, who.namespace, domain) == identity for who in override.clients):
            return override
    return None


def _limit(rate: RequestRate, who: str) -> Step:
    text = "lets {} requests a second of {} pass, this one among them; more would get 429"
    return step(rate.resource, rate.at("requestsPerSecond"), Action.LIMITED, text, rate.requests, who)


@per_state
def rate_limits(state: State) -> dict[tuple[str, str], list[HTTPLocalRateLimitPolicy]]:
    """Returns the limits by namespace and name of their Server, the one that counts first."""
    policies = map(HTTPLocalRateLimitPolicy.kept, state.all(GROUP, "HTTPLocalRateLimitPolicy"))
    return grouped(((policy.resource.namespace, policy.target.name), policy) for policy in policies)
