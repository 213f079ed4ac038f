"""DestinationRule: which ones count for a client and a host, their subsets, and what their policies mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from harness.api.istio.destination_rule import KIND, DestinationRule, LoadBalancerSettings, OutlierDetection
from harness.api.istio.hosts import covers, specificity
from harness.api.kubernetes.selector import selects
from harness.api.node import Node
from harness.base import explored
from harness.base.errors import not_modelled
from harness.base.vocabulary import ROOT_NAMESPACE, Mesh
from harness.model import app_ports
from harness.model.istio import mesh_config, revision
from harness.model.istio.upstream import backend_tls
from harness.model.state.tables import HostTable, grouped, per_state
from harness.traffic.trace import Action, Step, step

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.api.istio.destination_rule import (
        ClientTLSSettings,
        ConnectionPool,
        ConsistentHash,
        Subset,
        TrafficPolicy,
    )
    from harness.model.message import Endpoint
    from harness.model.state import Pod, State

Part = TypeVar("Part", bound=Node)

_UNSPECIFIED = "which pod gets which share isn't specified"

_HTTP2 = ("http2", "grpc")


@dataclass(frozen=True)
class Policy:
    """A traffic policy by its parts; None for those that aren't said."""

    connection_pool: ConnectionPool | None = None
    load_balancer: LoadBalancerSettings | None = None
    outlier_detection: OutlierDetection | None = None
    tls: ClientTLSSettings | None = None
    retry_budget: Node | None = None
    tunnel: Node | None = None
    proxy_protocol: Node | None = None

    def overridden(self, level: TrafficPolicy, port: int) -> Policy:
        """Returns this policy with what a level says for a port over it.

        A port's settings replace all but the retry budget as a whole, also where they leave parts out
        [istio/istio: util.MergeSubsetTrafficPolicy].
        """
        own = level.at_port(port)
        general, settings = (self, level) if own is None else (Policy(), own)
        return Policy(
            _first(settings.connection_pool, general.connection_pool),
            _first(settings.load_balancer, general.load_balancer),
            _first(settings.outlier_detection, general.outlier_detection),
            _first(settings.tls, general.tls),
            _first(level.retry_budget, self.retry_budget),
            _first(level.tunnel, self.tunnel),
            _first(level.proxy_protocol, self.proxy_protocol),
        )


def _first(own: Part | None, general: Part | None) -> Part | None:
    return general if own is None else own


@dataclass(frozen=True)
class Destinations:
    """What the DestinationRules that were joined for a host say, the leading one first."""

    rules: tuple[DestinationRule, ...] = ()

    def subset(self, name: str) -> Subset | None:
        """Returns the subset of this name, if one is defined."""
        return next((subset for rule in self.rules for subset in rule.subsets if subset.name == name), None)

    def policy(self, port: int, subset: Subset | None) -> Policy:
        """Returns the traffic policy for a port: the subset's over that of the first rule that has one."""
        levels = [rule.traffic_policy for rule in self.rules if rule.traffic_policy][:1]
        policy = Policy()
        for level in (*levels, *([subset.traffic_policy] if subset else ())):
            policy = policy.overridden(level, port)
        return policy

    def route_hash(self, subset: str, port: int | None) -> ConsistentHash | None:
        """Returns what the requests of a routing rule to a subset are hashed by, with endpoints or without.

        What is said for a port counts for a destination that names it [istio/istio: HashForHTTPDestination].
        """
        general = next((rule.traffic_policy for rule in self.rules if rule.traffic_policy), None)
        own = self.subset(subset) if subset else None
        for level in (own.traffic_policy if own else None, general):
            for policy in (level.at_port(port) if level and port is not None else None, level):
                if policy and policy.load_balancer and policy.load_balancer.has("consistentHash"):
                    return policy.load_balancer.consistent_hash
        return None


@per_state
def any_hash(state: State) -> bool:
    """Returns whether any rule hashes requests at all."""
    rules = map(DestinationRule.kept, revision.acting(state, *KIND))
    return any("consistentHash" in str(rule.data) for rule in rules)


def find(state: State, host: str, client: Pod, owner: str) -> Destinations:
    """Returns the DestinationRules for a host as a client's proxy sees them.

    Looked for in the client's namespace, then among those exported from the namespace of the host's Service
    or ServiceEntry (`owner`), then from the root namespace; in each the most specific host counts, and only
    then whether it is exported to the client [istio/istio: PushContext.destinationRule].
    """
    seen = explored.of(_seen, state, host, client.namespace, owner)
    for alike in seen:  # those that select the client's pod
        selector, namespace = alike[0].selector, alike[0].resource.namespace
        if selector is not None and namespace == client.namespace and selects(selector, client.labels):
            return Destinations(alike)
    # Else the last of those for all.
    return Destinations(next((each for each in reversed(seen) if each[0].selector is None), ()))


def _seen(state: State, host: str, namespace: str, owner: str) -> list[tuple[DestinationRule, ...]]:
    default = mesh_config.of(state).destination_rule_export_to
    for place, own in ((namespace, True), (owner, False), (ROOT_NAMESPACE, False)):
        table = _by_host(state).get(place)
        rules = [
            rule
            for rule in (table.covering(host) if table else ())
            if (_is_local(rule, default) if own else not _is_private(rule, default))
        ]
        if rules:
            best = max((rule.full_host for rule in rules), key=specificity)
            joined = _joined(rule for rule in rules if rule.full_host == best)
            exported = ((alike, _exported(alike[0])) for alike in joined)
            everyone = frozenset(("*", namespace))
            seen = joined if own else [alike for alike, to in exported if not to or to & everyone]
            if seen:
                return seen
    return []


def passed_over(state: State, host: str) -> list[Step]:
    """Returns why rules for a host don't count that the control plane doesn't take in."""
    return revision.passed_over(state, KIND, lambda rule: covers(DestinationRule.kept(rule).full_host, host))


def _joined(rules: Iterable[DestinationRule]) -> list[tuple[DestinationRule, ...]]:
    """Rules for one host, those joined that Istio joins [istio/istio: mergeDestinationRule].

    Those exported alike, or further, join an older one if both have the same workload selector or none.
    """
    joined: list[tuple[DestinationRule, ...]] = []
    for rule in rules:
        exported, apart = _exported(rule), True
        for index, others in enumerate(joined):
            before = _exported(others[0])
            if exported != before and not (before and exported >= before):
                continue
            apart = exported != before
            mine, other = rule.selector, others[0].selector
            if mine is not None and other is not None and mine != other:
                apart = True
                continue
            if mine == other:
                apart = False
            joined[index] = (*others, rule)
        if apart:
            joined.append((rule,))
    return joined


def _is_local(rule: DestinationRule, default: tuple[str, ...]) -> bool:
    """Whether clients in the rule's namespace see it; in the root one what is exported comes last."""
    exported = _exported(rule)
    if rule.resource.namespace == ROOT_NAMESPACE and not _is_private(rule, default):
        return False
    return not exported or bool(exported & {"*", ".", rule.resource.namespace})


def _is_private(rule: DestinationRule, default: tuple[str, ...]) -> bool:
    exported = _exported(rule)
    return ("." in default) if not exported else exported in ({"."}, {rule.resource.namespace})


def _exported(rule: DestinationRule) -> frozenset[str]:
    """What `exportTo` says; a rule with a workload selector stays in its namespace."""
    if rule.selector is not None:
        return frozenset(".")
    return frozenset(rule.export_to)


@per_state
def _by_host(state: State) -> dict[str, HostTable[DestinationRule]]:
    """DestinationRules by namespace and host: those with a workload selector first, older first."""
    # What istiod makes of the Gateway API's policies has no age, and so is older than what anybody wrote.
    every = map(DestinationRule.kept, (*backend_tls.rules(state), *revision.acting(state, *KIND)))
    selecting_first = sorted(every, key=lambda rule: rule.selector is None)
    groups = grouped((rule.resource.namespace, (rule.full_host, rule)) for rule in selecting_first)
    return {namespace: HostTable(entries) for namespace, entries in groups.items()}


def passes_through(policy: Policy) -> bool:
    """Returns whether requests go on to the address that the client dialled."""
    return policy.load_balancer is not None and policy.load_balancer.simple == "PASSTHROUGH"


def reasons(policy: Policy, endpoints: int, client: Pod) -> Iterator[Step]:
    """Yields what a policy means for a request to so many endpoints; raises NotModelledError."""
    balancer = policy.load_balancer
    if balancer is not None and balancer.simple == "PASSTHROUGH":
        if client.gateway:
            why = "at a gateway that is the gateway's own address"
            raise not_modelled(balancer.resource, balancer.at("simple"), why)
        text = "sends on to the address that the client dialled"
        yield step(balancer.resource, balancer.at("simple"), Action.MATCHED, text)
    elif balancer is not None and endpoints > 1:
        yield from _balancing(balancer)
    for limits, what in ((policy.connection_pool, "requests"), (policy.retry_budget, "retries")):
        if limits is not None:
            text = f"limits many {what} at once, not a single one"
            yield step(limits.resource, limits.path, Action.IGNORED, text)
    outliers = policy.outlier_detection
    if outliers is not None and endpoints > 1:
        text = f"may leave out pods that fail: {_UNSPECIFIED} once one has failed"
        yield step(outliers.resource, outliers.path, Action.LEFT_OPEN, text)


def check_application(state: State, policy: Policy, endpoint: Endpoint) -> None:
    """Raises NotModelledError for a policy by which it depends on an application whether it answers.

    An Istio sidecar takes HTTP/2 for its application, and speaks HTTP/1 to it on a port that says HTTP.
    """
    pod, pool = endpoint.pod, policy.connection_pool
    if pod.outside:
        return
    if pool is not None and pool.http.h2_upgrade_policy == "UPGRADE":
        port = app_ports.declared(state, pod, endpoint.port)
        if port is None or not (port.protocol in _HTTP2 or (port.http and pod.mesh is Mesh.ISTIO)):
            why = "whether the application speaks HTTP/2 isn't known"
            raise not_modelled(pool.resource, pool.http.at("h2UpgradePolicy"), why)
    for setting, what in ((policy.proxy_protocol, "reads a PROXY header"), (policy.tunnel, "opens a tunnel")):
        if setting is not None:
            why = f"whether the application {what} isn't known"
            raise not_modelled(setting.resource, setting.path, why)


def _balancing(setting: LoadBalancerSettings) -> Iterator[Step]:
    if setting.consistent_hash:
        text = f"a hash of {{}} keeps equal requests on one pod: {_UNSPECIFIED}"
        hashed = setting.consistent_hash.subject
        yield step(setting.resource, setting.at("consistentHash"), Action.LEFT_OPEN, text, hashed)
    if setting.utilization is not None:
        text = f"goes by what pods tell of their load: {_UNSPECIFIED}"
        yield step(setting.resource, setting.utilization.path, Action.LEFT_OPEN, text)
    if setting.warmup or setting.warmup_duration:
        text = "sends less to pods that have just started"
        yield step(setting.resource, setting.at("warmup"), Action.IGNORED, text)
