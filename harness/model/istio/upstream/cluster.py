"""From a destination to a pod: endpoints, TLS, retries and time limits of a client's Envoy."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from harness.api.kubernetes.selector import selects
from harness.api.kubernetes.service import Service
from harness.base import grpc
from harness.base.records import with_fields
from harness.base.vocabulary import Mesh
from harness.model import replies
from harness.model.arrival import Arrival, Deliver
from harness.model.distribution import Branch, Branches, after, certain, mapped, pooled, shares, then
from harness.model.istio.registry import hosts as registry
from harness.model.istio.registry import service_entry
from harness.model.istio.registry.service_entry import EntryPort, Target
from harness.model.istio.upstream import balancing, client_tls, destination_rule
from harness.model.network import similar_pods as likeness
from harness.model.network.services import endpoints
from harness.traffic.outcomes import Failure, Outcome
from harness.traffic.trace import Action, Step, built_in, step, words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.base.vocabulary import Workload
    from harness.model.istio.registry.hosts import Port
    from harness.model.istio.routing.rule import Retries, RoutingDestination, RoutingRule
    from harness.model.istio.upstream.destination_rule import Policy
    from harness.model.message import Message
    from harness.model.network.services import ServicePort
    from harness.model.state.pods import Pod
    from harness.model.state.state import State

_CONNECT_TIMEOUT = 10.0
"""Seconds until a connection is given up [Istio: MeshConfig, connectTimeout]."""

# What the mesh retries by default: failed connections, and answers that gRPC marks as such.
_DEFAULT_RETRY_ON = ("connect-failure", "refused-stream", "unavailable", "cancelled")


@dataclass(frozen=True)
class Upstream:
    """The endpoints that a request may go to, the traffic policy towards them, and what decided so."""

    targets: tuple[Target, ...]
    policy: Policy
    trace: tuple[Step, ...]


@dataclass(frozen=True)
class Missing:
    """A destination that leads nowhere: the answer that Envoy gives for it."""

    status: int
    body: str
    trace: tuple[Step, ...]


def upstream(
    state: State,
    client: Pod,
    rule: RoutingRule,
    destination: RoutingDestination,
    listener: int,
    dialled: str = "",
) -> Upstream | Missing:
    """Returns the endpoints of a routing rule's destination as this client's proxy finds them.

    `listener` is the port and `dialled` the host that the client connected to. A missing host, port or subset
    is a missing cluster: 503, or 500 for a Gateway API route.
    """
    origin, field = rule.origin, destination.field
    status = 500 if origin.kind in ("HTTPRoute", "GRPCRoute") else 503
    if destination.invalid:
        fault = step(origin, field, Action.FAILED, "{}: {}", destination.invalid, status)
        return Missing(status, "", (fault,))
    owner, ports, lost = registry.destination(state, client, destination.host)
    if owner is None:
        unseen = words(" that {} sees", client.namespace) if lost else ""
        text = "there is no Service {}{}: {}"
        nowhere = step(origin, field, Action.FAILED, text, destination.host, unseen, status)
        return Missing(status, "", (nowhere, *service_entry.passed_over(state, destination.host)))
    number = destination.port or (ports[0].number if len(ports) == 1 else listener)
    port = next((one for one in ports if one.number == number), None)
    if port is None:
        no_port = step(origin, field, Action.FAILED, "{} has no port {}: {}", owner, number, status)
        return Missing(status, "", (no_port,))
    why = step(origin, field, Action.MATCHED, "names {}", owner)
    return cluster(state, client, port, destination.subset, why, dialled)


def cluster(
    state: State, client: Pod, port: Port, subset: str, why: Step, dialled: str = ""
) -> Upstream | Missing:
    """Returns the endpoints of a registry's port (or of a subset of them) under the DestinationRules."""
    host = registry.host_of(port)
    rules = destination_rule.find(state, host, client, registry.origin(port).namespace)
    found = _targets(state, client, port, dialled)
    passed_over = destination_rule.passed_over(state, host)
    passed_over += service_entry.unselected(state, registry.origin(port).namespace, _selector(port))
    trace = [why, *passed_over]
    chosen = None
    if subset:
        chosen = rules.subset(subset)
        if chosen is None:
            text = "no DestinationRule that this client sees defines subset {} of {}: 503"
            return Missing(503, "", (why.reworded(Action.FAILED, text, subset, host), *passed_over))
        found = tuple(target for target in found if selects(chosen.labels, target.labels))
        text = "subset {} has {} pods"
        trace.append(step(chosen.resource, chosen.path, Action.MATCHED, text, subset, len(found)))
    if not found:
        none = why.reworded(Action.FAILED, "{}, which has no pods: 503", why.words)
        return Missing(503, "no healthy upstream", (none, *passed_over))
    policy = rules.policy(port.number, chosen)
    trace += balancing.reasons(policy, len(found))
    return Upstream(found, policy, tuple(trace))


def _targets(state: State, client: Pod, port: Port, dialled: str) -> tuple[Target, ...]:
    if isinstance(port, EntryPort):
        return service_entry.targets(state, client, port, "" if client.gateway else dialled)
    found = endpoints(state, port)
    # A headless Service's pods share one way: mutual TLS only if each of them has a sidecar.
    direct = Service.kept(port.service).headless and not client.gateway
    meshed = not direct or all(one.pod.mesh is Mesh.ISTIO for one in found)
    pods = tuple(Target(one, one.pod.labels, meshed=meshed) for one in found)
    return (*pods, *_workload_entries(state, port))


def _selector(port: Port) -> Mapping[str, str]:
    """The labels of the WorkloadEntries behind a port; none if it has no selector."""
    if isinstance(port, EntryPort):
        return port.spec.selector
    return Service.kept(port.service).selector


def _workload_entries(state: State, port: ServicePort) -> tuple[Target, ...]:
    """A Service's selector takes WorkloadEntries in, too."""
    selector = Service.kept(port.service).selector
    if not selector:
        return ()
    name, number = (port.name, port.target) if isinstance(port.target, int) else (port.target, port.number)
    return tuple(
        target
        for entry in service_entry.selected_entries(state, port.service.namespace, selector)
        for target in service_entry.listed(state, entry, number, name)
    )


def send(
    state: State,
    client: Pod,
    message: Message,
    target: Upstream,
    retries: Retries,
    deliver: Deliver,
) -> Branches[Outcome]:
    """Returns the answers of a destination's endpoints, with what is retried sent again.

    A retry goes to a pod that wasn't tried yet, while there is one. Pods of one workload fare alike, so
    of those tried only the number counts.
    """
    pods = Counter(one.endpoint.pod.workload for one in target.targets)
    alike = likeness.merged(state, ((one.weight, one.endpoint, one) for one in target.targets))

    def attempt(number: int, tried: Counter[Workload]) -> Branches[Outcome]:
        fresh = (pods - tried if retries.elsewhere else pods) or pods
        kept: list[Branch[Outcome]] = []
        retried: list[Branch[tuple[Workload, float]]] = []
        for picked in shares(
            (Fraction(fresh[workload] * weight, pods[workload]), one, ())
            for weight, one in alike
            if (workload := one.endpoint.pod.workload)
        ):
            for one in _once(state, client, picked.value, message, number, target.policy, retries, deliver):
                weight = picked.weight * one.weight
                if number <= retries.attempts and retryable(one.value, retries):
                    text = "try {} gave {}, which is retried"
                    trace = (*one.trace, built_in(Action.RETRIED, text, number, str(one.value)))
                    spent = (picked.value.endpoint.pod.workload, one.value.seconds)
                    retried.append(Branch(weight, spent, trace))
                else:
                    kept.append(Branch(weight, answered(message, one.value, retried=number > 1), one.trace))

        def resent(spent: tuple[Workload, float]) -> Branches[Outcome]:
            later = attempt(number + 1, tried + Counter([spent[0]]))
            return mapped(later, lambda outcome: with_fields(outcome, seconds=spent[1] + outcome.seconds))

        return (*kept, *then(pooled(retried), resent))

    return after(attempt(1, Counter()), *target.trace)


def answered(message: Message, outcome: Outcome, *, retried: bool) -> Outcome:
    """Returns what a client gets of an endpoint's answer, or of the lack of one, through its Envoy."""
    if outcome.external:
        return outcome
    if outcome.failure is None:
        headers = tuple((name, value) for name, value in outcome.headers if name != "server")
        return with_fields(outcome, headers=(*headers, ("server", "envoy")))
    answer = replies.upstream_failure(message, outcome.failure, retried=retried)
    return with_fields(answer, seconds=outcome.seconds, hop=outcome.hop)


def _once(
    state: State,
    client: Pod,
    target: Target,
    message: Message,
    number: int,
    policy: Policy,
    retries: Retries,
    deliver: Deliver,
) -> Branches[Outcome]:
    endpoint = target.endpoint
    tls = client_tls.begin(state, target, policy.tls)
    tried = with_fields(message, attempt=number).plus(
        ("x-envoy-attempt-count", str(number)), ("x-forwarded-proto", message.scheme)
    )
    if tls.own:
        tried = with_fields(tried, tls=True, sni=tls.sni or message.host)
    arrival = Arrival(client, endpoint.pod, endpoint.port, tried, tls.mesh)
    branches = tuple(
        Branch(
            one.weight,
            _waited(policy, tls.told(one.value)),
            (*one.trace, *filter(None, [balancing.counted(policy, one.value)])),
        )
        for one in after(deliver(arrival), tls.why)
    )
    limit = retries.per_try_timeout
    if limit is None:
        return branches
    slow = with_fields(replies.envoy(message, 504, "upstream request timeout"), seconds=limit)
    return tuple(Branch(b.weight, slow if b.value.seconds > limit else b.value, b.trace) for b in branches)


def _waited(policy: Policy, outcome: Outcome) -> Outcome:
    """What comes of a connection that nobody takes: Envoy gives it up after a time."""
    if outcome.failure is not Failure.TIMEOUT:
        return outcome
    pool = policy.connection_pool
    return with_fields(outcome, seconds=(pool.tcp.connect_timeout if pool else None) or _CONNECT_TIMEOUT)


def retryable(outcome: Outcome, retries: Retries) -> bool:
    """Returns whether an answer is one that the retry policy retries."""
    conditions = retries.retry_on or _DEFAULT_RETRY_ON
    return any(_meets(outcome, condition) for condition in conditions)


def _meets(outcome: Outcome, condition: str) -> bool:
    status, failure = outcome.status, outcome.failure
    connecting = failure in (Failure.REFUSED, Failure.OTHER, Failure.TIMEOUT)
    if condition.isdigit():
        return status == int(condition)
    match condition:
        case "5xx":
            return failure is not None or (status is not None and status >= 500)
        case "gateway-error":
            return failure is not None or status in (502, 503, 504)
        case "reset" | "reset-before-request":
            return failure is not None and not connecting
        case "connect-failure":
            return connecting
        case "retriable-4xx":
            return status == 409
        case _:
            return outcome.grpc_status is not None and outcome.grpc_status == grpc.RETRYABLE.get(condition)


def bounded(message: Message, outcome: Outcome, limit: float | None) -> Outcome:
    """Returns the outcome, or 504 where it takes longer than the limit."""
    if limit is None or outcome.seconds <= limit:
        return outcome
    return with_fields(replies.envoy(message, 504, "upstream request timeout"), seconds=limit)


def missing(message: Message, nowhere: Missing) -> Branches[Outcome]:
    """Returns Envoy's answer for a destination that leads nowhere."""
    return certain(replies.envoy(message, nowhere.status, nowhere.body), *nowhere.trace)
