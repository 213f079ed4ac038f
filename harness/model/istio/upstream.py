"""From a destination to a pod: endpoints, TLS, retries and time limits of a client's Envoy."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from harness.model import replies
from harness.model.distribution import ONE, Branch, Branches, after, certain, mapped, pooled, shares, then
from harness.model.hop import Arrival, Deliver
from harness.model.istio import destination_rule, peer_authentication
from harness.model.kubernetes import endpoints, fqdn, resolve, service_port, service_ports
from harness.model.message import RETRYABLE_GRPC
from harness.model.objects import reason, selects
from harness.traffic.outcomes import Failure, Outcome
from harness.traffic.trace import Reason
from harness.vocabulary import Mesh, Workload

if TYPE_CHECKING:
    from harness.model.istio.route import Destination, Retries, Rule
    from harness.model.kubernetes import Endpoint, ServicePort
    from harness.model.message import Message
    from harness.model.objects import Fields
    from harness.model.pods import Pod
    from harness.model.state import State

_UNSPECIFIED = "which pod gets which share isn't specified"

# What the mesh retries by default: failed connections, and answers that gRPC marks as such.
_DEFAULT_RETRY_ON = ("connect-failure", "refused-stream", "unavailable", "cancelled")


@dataclass(frozen=True)
class Upstream:
    """The pods that a request may go to, the TLS to them, and what decided so."""

    pods: tuple[Endpoint, ...]
    tls: str
    trace: tuple[Reason, ...]


@dataclass(frozen=True)
class Missing:
    """A destination that leads nowhere: the answer that Envoy gives for it."""

    status: int
    body: str
    why: Reason


def upstream(
    state: State, client: Pod, rule: Rule, destination: Destination, listener: int
) -> Upstream | Missing:
    """Returns the pods of a routing rule's destination as this client's proxy finds them.

    A missing host, port or subset is a missing cluster: 503, or 500 for a Gateway API route.
    """
    origin, field = rule.origin, destination.field
    status = 500 if origin.kind in ("HTTPRoute", "GRPCRoute") else 503
    service = resolve(state, destination.host, client.namespace)
    if service is None or fqdn(service) != destination.host:
        return Missing(status, "", reason(origin, field, f"there is no Service {destination.host}: {status}"))
    ports = service_ports(service)
    number = destination.port or (ports[0].number if len(ports) == 1 else listener)
    port = service_port(service, number)
    if port is None:
        text = f"Service {service.namespace}/{service.name} has no port {number}: {status}"
        return Missing(status, "", reason(origin, field, text))
    return cluster(state, client, port, destination.subset, reason(origin, field, f"names {port.service}"))


def cluster(state: State, client: Pod, port: ServicePort, subset: str, why: Reason) -> Upstream | Missing:
    """Returns the pods of a Service's port (or of a subset of them) under the DestinationRules."""
    host = fqdn(port.service)
    rules = destination_rule.find(state, host, client.namespace, port.service.namespace)
    found = endpoints(state, port)
    trace = [why]
    chosen = None
    if subset:
        chosen = rules.subset(subset)
        if chosen is None:
            text = f"no DestinationRule that this client sees defines subset {subset} of {host}: 503"
            return Missing(503, "", replace(why, text=text))
        found = tuple(endpoint for endpoint in found if selects(chosen.labels, endpoint.pod.labels))
        trace.append(reason(chosen.origin, chosen.field, f"subset {subset} has {len(found)} pods"))
    if not found:
        return Missing(503, "no healthy upstream", replace(why, text=f"{why.text}, which has no pods: 503"))
    policy, tls = rules.policy(port.number, chosen)
    if tls:
        trace.append(tls)
    trace += _balancing(rules, policy, found)
    return Upstream(found, (policy.get("tls") or {}).get("mode", ""), tuple(trace))


def _balancing(
    rules: destination_rule.Destinations, policy: Fields, found: tuple[Endpoint, ...]
) -> list[Reason]:
    if not rules.origins or len(found) == 1:
        return []
    origin, field = rules.origins[0], "spec.trafficPolicy"
    trace = []
    if (policy.get("loadBalancer") or {}).get("consistentHash"):
        text = f"a hash keeps equal requests on one pod: {_UNSPECIFIED}"
        trace.append(reason(origin, f"{field}.loadBalancer.consistentHash", text))
    if policy.get("outlierDetection") is not None:
        text = f"may eject pods that fail: {_UNSPECIFIED} once one has failed"
        trace.append(reason(origin, f"{field}.outlierDetection", text))
    if policy.get("connectionPool") is not None:
        text = "limits many requests at once, not a single one"
        trace.append(reason(origin, f"{field}.connectionPool", text, lost=True))
    return trace


def send(
    state: State,
    client: Pod,
    message: Message,
    target: Upstream,
    retries: Retries,
    deliver: Deliver,
) -> Branches[Outcome]:
    """Returns the answers of a destination's pods, with what is retried sent again.

    A retry goes to a pod that wasn't tried yet, while there is one. Pods of one workload fare alike, so
    of those tried only the number counts.
    """
    pods = Counter(endpoint.pod.workload for endpoint in target.pods)

    def attempt(number: int, tried: Counter[Workload]) -> Branches[Outcome]:
        fresh = pods - tried or pods
        kept: list[Branch[Outcome]] = []
        retried: list[Branch[tuple[Workload, float]]] = []
        for picked in shares(
            (Fraction(fresh[one.pod.workload], pods[one.pod.workload]), one, ()) for one in target.pods
        ):
            for one in _once(state, client, picked.value, message, number, target.tls, retries, deliver):
                weight = picked.weight * one.weight
                if number <= retries.attempts and retryable(one.value, retries):
                    trace = (*one.trace, Reason(f"try {number} gave {one.value}, which is retried"))
                    spent = (picked.value.pod.workload, one.value.seconds)
                    retried.append(Branch(weight, spent, trace))
                else:
                    kept.append(Branch(weight, _answered(message, one.value, retried=number > 1), one.trace))

        def resent(spent: tuple[Workload, float]) -> Branches[Outcome]:
            later = attempt(number + 1, tried + Counter([spent[0]]))
            return mapped(later, lambda outcome: replace(outcome, seconds=spent[1] + outcome.seconds))

        return (*kept, *then(pooled(retried), resent))

    return after(attempt(1, Counter()), *target.trace)


def _answered(message: Message, outcome: Outcome, *, retried: bool) -> Outcome:
    if outcome.failure is None:
        headers = tuple((name, value) for name, value in outcome.headers if name != "server")
        return replace(outcome, headers=(*headers, ("server", "envoy")))
    answer = replies.upstream_failure(message, outcome.failure, retried=retried)
    return replace(answer, seconds=outcome.seconds)


def _once(
    state: State,
    client: Pod,
    endpoint: Endpoint,
    message: Message,
    number: int,
    mode: str,
    retries: Retries,
    deliver: Deliver,
) -> Branches[Outcome]:
    tls, why = _tls(state, endpoint, mode)
    tried = replace(message, attempt=number).plus(
        ("x-envoy-attempt-count", str(number)), ("x-forwarded-proto", "http")
    )
    branches = after(deliver(Arrival(client, endpoint.pod, endpoint.port, tried, tls)), why)
    limit = retries.per_try_timeout
    if limit is None:
        return branches
    slow = replace(replies.envoy(message, 504, "upstream request timeout"), seconds=limit)
    return tuple(Branch(b.weight, slow if b.value.seconds > limit else b.value, b.trace) for b in branches)


def _tls(state: State, endpoint: Endpoint, mode: str) -> tuple[Mesh | None, Reason]:
    """Whether the proxy begins mutual TLS: as a DestinationRule says, else where the pod takes it."""
    pod = endpoint.pod
    if mode:
        said = f"TLS mode {mode} towards {pod.workload}"
        return (Mesh.ISTIO if mode == "ISTIO_MUTUAL" else None), Reason(said)
    if pod.mesh is not Mesh.ISTIO or pod.gateway:
        return None, Reason(f"{pod.workload} has no Istio sidecar: plaintext")
    accepted, why = peer_authentication.mode(state, pod, endpoint.port)
    if accepted == "DISABLE":
        return None, why
    return Mesh.ISTIO, Reason(f"{pod.workload} has an Istio sidecar: mutual TLS (auto mTLS)")


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
            return outcome.grpc_status is not None and outcome.grpc_status == RETRYABLE_GRPC.get(condition)


def bounded(message: Message, outcome: Outcome, limit: float | None) -> Outcome:
    """Returns the outcome, or 504 where it takes longer than the limit."""
    if limit is None or outcome.seconds <= limit:
        return outcome
    return replace(replies.envoy(message, 504, "upstream request timeout"), seconds=limit)


def missing(message: Message, nowhere: Missing) -> Branches[Outcome]:
    """Returns Envoy's answer for a destination that leads nowhere."""
    return certain(replies.envoy(message, nowhere.status, nowhere.body), nowhere.why)


def passed_through(
    client: Pod, found: tuple[Endpoint, ...], message: Message, deliver: Deliver
) -> Branches[Outcome]:
    """Returns what a request gets that Envoy passes on unrouted, in plaintext, to where it was dialled."""
    if not found:
        return certain(replies.upstream_failure(message, Failure.REFUSED, retried=True))
    share = ONE / len(found)
    sent = message.plus(("x-forwarded-proto", "http"))
    return tuple(
        Branch(share * one.weight, _answered(message, one.value, retried=False), one.trace)
        for endpoint in found
        for one in deliver(Arrival(client, endpoint.pod, endpoint.port, sent))
    )
