"""What a name or an address leads to, from inside a pod.

DNS answers a Service's name by its cluster address, a headless Service's by the addresses of its
ready pods, a pod's name below a headless Service by that pod's, and an ExternalName's by another name.
[Kubernetes: DNS for Services and Pods]
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.api.kubernetes.pod import Resolver
from harness.api.kubernetes.service import Service
from harness.base import explored
from harness.base.errors import NotModelledError
from harness.base.vocabulary import CLUSTER_DOMAIN, Workload
from harness.model.distribution import Branches, certain, shares
from harness.model.message import Endpoint
from harness.model.network import network_policy
from harness.model.network.addresses import leads_out
from harness.model.network.services import addresses, pods_by_address
from harness.model.state import Pod
from harness.model.state.tables import per_key, per_state
from harness.traffic.observables import Resolution
from harness.traffic.trace import Action, Step, built_in, step

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.base.resources import Resource
    from harness.model.state import State

_MAX_ALIASES = 8
"""DNS servers and clients give a longer chain of aliases up."""

_IN_CLUSTER = Resolver()


@dataclass(frozen=True)
class Lookup:
    """What a name leads to: a Service's own address, pods' addresses, or a name outside of the cluster.

    `pods` are dialled themselves; `service` is then the Service by whose name they were found. A headless
    Service without pods has no address. A node's address leads outside, but for ports on it that are pods'.
    """

    service: Resource | None = None
    pods: tuple[Pod, ...] = ()
    outside: str = ""
    trace: tuple[Step, ...] = ()
    on_node: Mapping[int, Endpoint] = field(default_factory=dict)


def lookup(state: State, host: str, namespace: str, resolver: Resolver = _IN_CLUSTER) -> Lookup | None:
    """Returns what a pod of a namespace reaches by a host name or an address; None: nothing."""
    return explored.of(_lookup, state, host, namespace, resolver)


def _lookup(state: State, host: str, namespace: str, resolver: Resolver) -> Lookup | None:
    host = host.lower()
    table = _addresses(state)
    if host in table:
        return table[host]
    if not resolver.cluster:
        return None
    return _answer(state, host, namespace, resolver)


@per_key(lambda *name: name)
def _answer(state: State, host: str, namespace: str, resolver: Resolver) -> Lookup | None:
    records = (_record(state, name) for name in _searched(host, namespace, resolver))
    return next((answer for answer in records if answer), None)


def resolution(state: State, source: Workload, name: str) -> Resolution:
    """Returns what a name leads to in a workload's pod; NotModelledError if no pod of it is running."""
    pods = state.pods_of(source)
    if not pods:
        raise NotModelledError(f"there is no running workload {source}", why="names are looked up in its pod")
    client = pods[0]
    asking = network_policy.names(state, client)
    if not asking.allowed:
        return Resolution(evidence=("the pod can't ask the cluster's DNS", *map(str, asking.trace)))
    answer = lookup(state, name, client.namespace, client.resolver) or Lookup(outside=name)
    trace, service = tuple(map(str, answer.trace)), answer.service
    if answer.outside:
        return Resolution(outside=leads_out(state, answer.outside, client.namespace), evidence=trace)
    if service is None or (Service.kept(service).headless and not answer.pods):
        return Resolution(evidence=trace)
    return Resolution(Workload(service.namespace, service.name), evidence=trace)


def picked(answer: Lookup, port: int) -> Branches[Endpoint]:
    """Returns the pod, or the place outside, that a client picks of those that a name led to, and why."""
    pods, service = answer.pods, answer.service
    if port in answer.on_node:
        endpoint = answer.on_node[port]
        text = "port {} of node {} is one of pod {}'s"
        return certain(endpoint, built_in(Action.LED, text, port, answer.outside, endpoint.pod.name))
    if answer.outside:
        pods = (Pod.at(answer.outside),)
        why = [built_in(Action.LED, "{} leads out of the cluster", answer.outside)]
    elif service is None:
        text = "it is an address of pod {}/{}"
        why = [built_in(Action.LED, text, pod.namespace, pod.name) for pod in pods]
    elif len(pods) > 1:
        text = "leads to {} pods: which of them the client picks isn't specified"
        why = [step(service, "spec.clusterIP", Action.LEFT_OPEN, text, len(pods))] * len(pods)
    else:
        why = [step(service, "spec.clusterIP", Action.LED, "leads to pod {} itself", pods[0].name)]
    trace = answer.trace
    return shares((1, Endpoint(pod, port), (*trace, reason)) for pod, reason in zip(pods, why, strict=True))


def resolve(state: State, host: str, namespace: str) -> Resource | None:
    """Returns the Service that a name or a cluster address is of, headless ones too; aliases are followed."""
    answer = lookup(state, host, namespace)
    return answer.service if answer else None


@per_state
def _addresses(state: State) -> dict[str, Lookup]:
    """What is known by its address: pods, and Services whose manifest or dump has one."""
    nodes: dict[str, Lookup] = {}
    for pod in state.pods:
        for ip in pod.node_addresses:
            known = nodes.get(ip, Lookup(outside=ip)).on_node
            more = {port: Endpoint(pod, number) for port, number in pod.node_ports.items()}
            nodes[ip] = Lookup(outside=ip, on_node={**more, **known})
    pods = {ip: Lookup(pods=(pod,)) for ip, pod in pods_by_address(state).items()}
    services = state.all("", "Service")
    return (
        nodes | pods | {ip: Lookup(service) for service in services for ip in Service.of(service).addresses}
    )


def _searched(host: str, namespace: str, resolver: Resolver) -> Iterator[str]:
    """The full names that a resolver tries, in its order [resolv.conf(5)]."""
    if host.endswith("."):
        yield host[:-1]
        return
    stands_first = host.count(".") >= resolver.ndots
    if stands_first:
        yield host
    for domain in (f"{namespace}.svc.{CLUSTER_DOMAIN}", f"svc.{CLUSTER_DOMAIN}", CLUSTER_DOMAIN):
        yield f"{host}.{domain}"
    yield from (f"{host}.{domain}" for domain in resolver.searches)
    if not stands_first:
        yield host


def _record(state: State, name: str) -> Lookup | None:
    """What the cluster's DNS answers for a full name of the cluster's domain."""
    trace: list[Step] = []
    for _ in range(_MAX_ALIASES):
        stem = name.removesuffix(f".svc.{CLUSTER_DOMAIN}")
        labels = stem.split(".") if stem != name else []
        if len(labels) not in (2, 3):
            return Lookup(outside=name, trace=tuple(trace)) if trace and "." in name else None
        service = state.get("", "Service", labels[-1], labels[-2])
        if service is None:
            return None
        written = Service.of(service)
        if written.is_alias:
            if len(labels) == 3:
                return None
            name = written.alias
            trace.append(step(service, "spec.externalName", Action.LED, "is another name for {}", name))
        elif len(labels) == 3:
            place = (labels[0], service.name)  # a pod's hostname, and its Service as its subdomain
            below = (pod for pod in addresses(state, service) if (pod.hostname, pod.subdomain) == place)
            return Lookup(service, pods, trace=tuple(trace)) if (pods := tuple(below)) else None
        else:
            pods = addresses(state, service) if written.headless else ()
            return Lookup(service, pods, trace=tuple(trace))
    return None
