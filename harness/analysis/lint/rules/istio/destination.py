"""Traps in where VirtualServices send what they take: hosts, ports and subsets that aren't there."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from harness.analysis.lint.rule import Sign, rule, seen
from harness.analysis.lint.rules.istio.registry import Host, hosts_for, needs
from harness.analysis.lint.rules.pods import behind
from harness.api.istio.destination_rule import KIND, DestinationRule
from harness.api.istio.gateway import IstioGateway
from harness.api.istio.hosts import MESH
from harness.api.istio.http_rule import HTTPRule
from harness.api.istio.virtual_service import VirtualService
from harness.api.kubernetes.selector import selects
from harness.base.resources import per_object
from harness.model.istio.routing import virtual_service
from harness.model.state.tables import HostTable, grouped, per_state

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.api.istio.destination import Destination
    from harness.base.resources import Resource
    from harness.model import State


class Sent(NamedTuple):
    """Where a rule sends requests, connections, or copies of them, and the effect if nothing is there.

    `by` has the ports that all matches of the rule ask for, if they do.
    """

    destination: Destination
    host: str
    subset: str
    port: int | None
    http: bool
    by: frozenset[int]
    copies: bool = False

    @property
    def answer(self) -> str:
        """What becomes of what is sent nowhere."""
        return "the copies go nowhere" if self.copies else "its share of the requests gets 503"


@rule
def virtual_service_destination_missing(state: State) -> Iterator[Sign]:
    for resource, sent in _all(state):
        if not hosts_for(state, resource, sent.host):
            host = sent.host.removesuffix(".svc.cluster.local")
            of = needs(state, sent.host)
            yield seen(sent.destination, "host", needs=of, host=host, answer=sent.answer)


@rule
def virtual_service_port_missing(state: State) -> Iterator[Sign]:
    for resource, sent in _all(state):
        ports = _ports(hosts_for(state, resource, sent.host))
        if sent.port is not None and ports and sent.port not in ports:
            port, valid = sent.destination.port, _listed(ports)
            yield seen(port, "number", host=sent.host, port=sent.port, valid=valid, answer=sent.answer)


@rule
def virtual_service_port_needed(state: State) -> Iterator[Sign]:
    for resource, sent in _all(state):
        ports = _ports(hosts_for(state, resource, sent.host))
        if sent.port is not None or not ports:
            continue
        coming = _coming(state, resource, sent, alone=len(ports) == 1)
        if coming and not coming <= ports:
            case = "partly" if coming & ports else ""
            yield seen(sent.destination, case=case, host=sent.host, ports=_listed(ports))


def _coming(state: State, resource: Resource, sent: Sent, *, alone: bool) -> frozenset[int]:
    """The ports by which requests for a destination come; 0 stands for those that nobody can tell.

    Gateways, and rules for connections, take a destination's only port (`alone`) whichever they came by.
    Sidecars look for the port that was dialled [istio/istio: route.GetDestinationCluster].
    """
    ports: set[int] = set() if virtual_service.hosts(resource) or alone else {0}
    for gateway in virtual_service.gateways(resource):
        if gateway == MESH and (sent.http or not alone):
            for host in virtual_service.hosts(resource):
                ports |= _http_ports(hosts_for(state, resource, host)) or (set() if alone else {0})
        elif gateway != MESH and not alone:
            namespace, _, name = gateway.rpartition("/")
            read = state.get(*IstioGateway.KIND, namespace, name)
            servers = IstioGateway.kept(read).servers if read else ()
            ports |= {server.port.number or 0 for server in servers} or {0}
    return sent.by if sent.by and ports else frozenset(ports)


def _http_ports(hosts: list[Host]) -> set[int]:
    """The ports of hosts on which HTTP is spoken, or may be."""
    return {number for host in hosts for number in host.ports if number not in host.bytes_only}


def _ports(hosts: list[Host]) -> frozenset[int]:
    """The ports of hosts; none where one is an assumed installation's, which may have others."""
    written = all(host.origin.where for host in hosts)
    return frozenset(port for host in hosts for port in host.ports) if written else frozenset()


def _listed(ports: frozenset[int]) -> str:
    return ", ".join(map(str, sorted(ports)))


@rule
def virtual_service_subset_missing(state: State) -> Iterator[Sign]:
    for _, sent in _all(state):
        if not sent.subset:
            continue
        defined = {name for names in _subsets(state).covering(sent.host) for name in names}
        if sent.subset not in defined:
            valid = ", ".join(sorted(defined)) or "none"
            yield seen(
                sent.destination,
                "subset",
                needs=KIND,
                host=sent.host,
                subset=sent.subset,
                valid=valid,
                answer=sent.answer,
            )


@rule
def virtual_service_bypassed_at_gateway(state: State) -> Iterator[Sign]:
    shared = _shared(state)
    for resource, sent in _all(state):
        bound = {gateway for gateway in virtual_service.gateways(resource) if gateway != MESH}
        if not bound or sent.subset or sent.copies:
            continue
        for other in shared.get(sent.host, ()):
            if other is not resource and not bound & set(virtual_service.gateways(other)):
                yield seen(sent.destination, other=other, host=sent.host)
                break


@per_state
def _shared(state: State) -> dict[str, list[Resource]]:
    """The VirtualServices by the hosts of their own that they send to some of the pods only."""
    return grouped(
        (sent.host, resource)
        for resource, sent in _all(state)
        if sent.subset
        and sent.host in virtual_service.hosts(resource)
        and MESH in virtual_service.gateways(resource)
        and not _takes_all(state, resource, sent)
    )


def _takes_all(state: State, resource: Resource, sent: Sent) -> bool:
    """Whether a subset has all pods of its Service, so that it makes no difference."""
    labels = [labels for each in _subsets(state).covering(sent.host) if (labels := each.get(sent.subset))]
    origins = [host.origin for host in hosts_for(state, resource, sent.host)]
    pods = [pod for origin in origins for pod in behind(state, origin)]
    return bool(pods) and all(selects(wanted, pod.labels) for wanted in labels for pod in pods)


@per_state
def _subsets(state: State) -> HostTable[dict[str, dict[str, str]]]:
    """The labels of the subsets of each DestinationRule, by its host."""
    rules = map(DestinationRule.kept, state.all(*KIND))
    return HostTable(
        (each.full_host, {subset.name: dict(subset.labels) for subset in each.subsets}) for each in rules
    )


@per_state
def chosen_subsets(state: State) -> frozenset[tuple[str, str]]:
    """Returns the subsets that VirtualServices send requests to, each with its host."""
    return frozenset((sent.host, sent.subset) for _, sent in _all(state) if sent.subset)


@per_state
def _all(state: State) -> list[tuple[Resource, Sent]]:
    return [(resource, sent) for resource in state.all(*VirtualService.KIND) for sent in _sent(resource)]


@per_object
def _sent(resource: Resource) -> tuple[Sent, ...]:
    sent = []
    for part in VirtualService.of(resource).rules:
        http = isinstance(part, HTTPRule)
        numbers = [match.port for match in part.matches]
        by = frozenset(number for number in numbers if number) if all(numbers) else frozenset()
        targets = [(target.destination, False) for target in part.route]
        if isinstance(part, HTTPRule):
            targets += [(destination, True) for destination, _, _ in part.copies]
        for to, copies in targets:
            port = to.port.number if to.has("port") else None
            sent.append(Sent(to, to.full_host, to.subset, port, http, by, copies))
    return tuple(sent)
