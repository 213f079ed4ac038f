"""Pods that clients call themselves: by names and ports of headless Services, or by their own addresses."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.api.istio.security.authentication import PolicySpec
from harness.api.kubernetes.selector import selects
from harness.api.kubernetes.service import Service
from harness.api.linkerd.policy import LinkerdServer
from harness.base.resources import per_object
from harness.base.vocabulary import CLUSTER_DOMAIN, PLATFORM, ROOT_NAMESPACE
from harness.model.network.services import addresses, service_ports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from harness.base.resources import Resource
    from harness.base.vocabulary import Workload
    from harness.model import State
    from harness.model.state import Pod

DOMAIN = f".svc.{CLUSTER_DOMAIN}"
"""What ends a Service's name in full."""

ADDRESS = "pod-address."
"""What begins the name in the place of a pod's address."""

UNNAMED_PORT = 4999
"""A port that no manifest is likely to name."""


def _selected(resource: Resource, labels: Mapping[str, str]) -> bool:
    return selects(PolicySpec.kept(resource).labels, labels)


def _served_by(resource: Resource, labels: Mapping[str, str]) -> bool:
    return LinkerdServer.kept(resource).pod_selector.selects(labels)


_RULES: Mapping[tuple[str, str], Callable[[Resource, Mapping[str, str]], bool] | None] = {
    ("networking.k8s.io", "NetworkPolicy"): None,  # what goes out names others' ports
    ("networking.istio.io", "Sidecar"): None,
    ("security.istio.io", "AuthorizationPolicy"): _selected,
    ("security.istio.io", "PeerAuthentication"): _selected,
    ("policy.linkerd.io", "Server"): _served_by,
}
"""Kinds that say what comes in to pods by the port, and whether an object is for those with some labels."""

_DIGITS = re.compile("[0-9]{1,5}")


def names(before: State, after: State, service: Resource, known: Iterable[str]) -> Iterator[str]:
    """Yields names by which pods of a headless Service are called, if they have one.

    One pod of each workload, one that only one side has, and those whose names are `known`, in full.
    """
    each = [
        {
            f"{pod.hostname}.{service.name}.{service.namespace}": pod.workload
            for pod in _headless(state, service)
            if pod.subdomain == service.name and pod.hostname
        }
        for state in (before, after)
    ]
    first = [name for names in each for name in {workload: name for name, workload in names.items()}.values()]
    own = {name for names in each for name in names if not all(name in others for others in each)}
    named = {name.removesuffix(DOMAIN) for name in known}
    every = dict.fromkeys(name for names in each for name in names)
    yield from (name for name in every if name in first or name in named or name in sorted(own)[:1])


def ports(before: State, after: State, service: Resource) -> Iterator[tuple[int, str]]:
    """Yields the other ports of a headless Service's pods, and one that they don't name, each in two ways.

    All can be dialled: its name leads to pods themselves.
    """
    pods = list(_headless(before, service)) + list(_headless(after, service))
    exposed = {port for pod in pods for port in _ports(pod)}
    ruled = {port for pod in pods for state in (before, after) for port in _ruled(state, pod)}
    own = {port.number for port in service_ports(service)}
    for port in sorted({*exposed, *ruled, UNNAMED_PORT} - own) if pods else ():
        yield from ((port, "http"), (port, "tcp"))


def with_address(pod: Pod) -> Pod:
    """Returns the pod with a name in the place of its address, unless a dump tells that.

    Nothing that looks for an address takes it for one, so what isn't known of addresses stays so.
    """
    return pod if pod.ip or pod.gateway else replace(pod, ip=address(pod.workload))


def address(workload: Workload) -> str:
    """Returns the name in the place of a pod's address."""
    return f"{ADDRESS}{workload.name}.{workload.namespace}"


def unserved(before: State, after: State) -> Iterator[tuple[Workload, str, int, str, bool]]:
    """Yields workloads that both have, what stands for a pod's address, ports of no Service, and schemes.

    Those are ports that containers, the pod's annotations, rules on it or Services of one side name, and one
    that nothing does: bytes fare there as HTTP does. Last is whether the pod itself names the port. Pods that
    a headless Service selects are called by its name.
    """
    served = [_served(state) for state in (before, after)]
    for workload in before.running:
        sides = [(state, state.pods_of(workload)[:1]) for state in (before, after)]
        pods = [pod for _, first in sides for pod in first]
        if len(pods) < len(sides) or workload.namespace in PLATFORM or any(map(_has_no_address, pods)):
            continue
        was, now = (table.get(workload, set()) for table in served)
        if None not in was | now:
            ruled = {port for state, first in sides for pod in first for port in _ruled(state, pod)}
            led_to = {port for port in was ^ now if port is not None}
            own = {port for pod in pods for port in _ports(pod)}
            dialled = pods[0].ip or address(workload)
            for port in sorted((own | ruled | led_to) - (was & now)):
                yield from ((workload, dialled, port, each, port in own) for each in ("http", "tcp"))
            yield workload, dialled, UNNAMED_PORT, "http", False


def _has_no_address(pod: Pod) -> bool:
    return bool(pod.gateway) or pod.host_network or not pod.ready


def _ports(pod: Pod) -> Iterator[int]:
    """The ports that a pod itself names."""
    yield from (port for container in pod.containers for port in container.exposed)
    for name, text in pod.annotations.items():
        if "port" in name.lower():
            yield from filter(_is_port, map(int, _DIGITS.findall(text)))


def _ruled(state: State, pod: Pod) -> Iterator[int]:
    """The numbers in rules on what comes in to a pod: all that may be a port."""
    for place in {pod.namespace, ROOT_NAMESPACE}:
        for kind, fits in _RULES.items():
            for resource in state.all(*kind, place):
                if fits is None or fits(resource, pod.labels):
                    yield from _numbers(resource)


@per_object
def _numbers(resource: Resource) -> frozenset[int]:
    return frozenset(filter(_is_port, _below(resource.data)))


def _below(value: object) -> Iterator[int]:
    if isinstance(value, dict):
        for each in (*value, *value.values()):
            yield from _below(each)
    elif isinstance(value, list):
        for each in value:
            yield from _below(each)
    elif _DIGITS.fullmatch(str(value)):
        yield int(str(value))


def _is_port(number: int) -> bool:
    return 0 < number < 1 << 16


def _served(state: State) -> dict[Workload, set[int | None]]:
    """The ports of pods that Services lead to, by workload; None where all are reached by a headless one."""
    ports: dict[Workload, set[int | None]] = {}
    for service in state.all("", "Service"):
        if not Service.kept(service).selector:
            continue
        headless = Service.kept(service).headless
        for pod in addresses(state, service):
            own = ports.setdefault(pod.workload, set())
            own.update([None] if headless else (pod.port(port.target) for port in service_ports(service)))
    return ports


def _headless(state: State, service: Resource) -> Iterator[Pod]:
    """The pods of a Service, if it is headless in a state."""
    stored = state.get(*service.key)
    if stored and Service.kept(stored).headless:
        yield from (pod for pod in addresses(state, stored) if not pod.outside)
