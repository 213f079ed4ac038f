"""Traps in Gateways of Istio's own: their pods, ports and certificates, and what two of them share."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from harness.analysis.lint.rule import Sign, rule, seen
from harness.analysis.lint.rules.pods import of_gateway
from harness.api.certificates import MAKERS, credential
from harness.api.istio.gateway import IstioGateway
from harness.api.kubernetes.ingress import Ingress
from harness.api.kubernetes.secret import KIND as SECRET
from harness.api.kubernetes.secret import Secret
from harness.api.kubernetes.service import Service
from harness.base.listing import some
from harness.base.vocabulary import ROOT_NAMESPACE, Workload
from harness.model import app_ports
from harness.model.istio.gateway import kubernetes_ingress
from harness.model.istio.gateway.server import PortListener, merged, serving
from harness.model.state.tables import grouped, per_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from harness.api.istio.gateway import Server, ServerTLSSettings
    from harness.api.kubernetes.ingress import IngressTLS
    from harness.base.resources import Resource
    from harness.model import State
    from harness.model.state import Pod
    from harness.traffic.trace import Step

_INSTALLED = ("ingressgateway", "egressgateway")
"""The values of the label `istio` by which an installation's own gateways go."""


@rule
def gateway_without_workload(state: State) -> Iterator[Sign]:
    # An installation is assumed where the manifests have none: its own gateways' pods say nothing.
    written = {Workload(each.namespace, each.name) for each in state.workloads if each.where}
    selected = (pod for _, pods in _gateways(state) for pod in pods)
    serving = chain(selected, (pod for pod in state.pods if pod.gateway))
    homes = {pod.namespace for pod in serving if pod.workload in written}
    for reading, pods in _gateways(state):
        installed = reading.selector.get("istio") in _INSTALLED
        if not pods and homes and (ROOT_NAMESPACE in homes or not installed):
            yield seen(reading, "selector")


@rule
def gateway_credential_missing(state: State) -> Iterator[Sign]:
    for tls, namespace, name in _credentials(state):
        home, short = credential(namespace, name)
        made = any(state.all(*maker, home) for maker in MAKERS)
        if state.get(*SECRET, home, short) is None and not made:
            yield seen(tls, needs=(*SECRET, home), namespace=home, name=short)


@rule
def gateway_credential_invalid(state: State) -> Iterator[Sign]:
    for tls, namespace, name in _credentials(state):
        secret = state.get(*SECRET, *credential(namespace, name))
        fault = Secret.of(secret).certificate_fault if secret else ""
        if fault:
            yield seen(tls, secret=secret, fault=fault)


def _credentials(state: State) -> Iterator[tuple[ServerTLSSettings | IngressTLS, str, str]]:
    """The Secrets that servers name: by which settings, the namespace of the gateway's pods, and the name."""
    for reading, pods in _gateways(state):
        for server in reading.servers:
            for name in server.tls.credentials if pods else ():
                yield server.tls, pods[0].namespace, name
    pods = of_gateway(state, kubernetes_ingress.selector(state))
    for resource in kubernetes_ingress.served(state) if pods else ():
        for tls in Ingress.kept(resource).tls:
            if tls.secret_name:
                yield tls, pods[0].namespace, tls.secret_name


@rule
def gateway_port_not_on_service(state: State) -> Iterator[Sign]:
    for reading, pods in _gateways(state):
        selecting = [(pod, each) for pod in pods for each in app_ports.selecting(state, pod) if each.where]
        services = {each.key: each for _, each in selecting}
        exposed: set[int] = set()
        for pod, service in selecting:
            for port in Service.kept(service).ports:
                exposed |= {port.number, pod.port(port.target) or port.number}
        for server in reading.servers if services else ():
            if server.port.number not in exposed:
                listed = ", ".join(map(str, services.values()))
                yield seen(server.port, "number", port=server.port.number, services=listed)


@rule
def gateway_same_certificate(state: State) -> Iterator[Sign]:
    for server, others, names in _shared(state, _certificates):
        yield seen(server.tls, names=", ".join(names), others=some(map(_gateway_of, others)))


def _certificates(server: Server) -> Iterator[str]:
    """The Secrets of a server's certificates, or else the file of one."""
    tls = server.tls
    if tls.credentials:
        yield from tls.credentials
    elif tls.server_certificate and tls.private_key:
        yield tls.server_certificate


@rule
def gateway_conflict(state: State) -> Iterator[Sign]:
    for resource, step in _left_out(state).values():
        yield seen(resource, step.field, words=step.text)


@per_state
def _left_out(state: State) -> dict[tuple[object, str], tuple[Resource, Step]]:
    """Why servers aren't served that don't go together with others, by their Gateway and field."""
    return {
        (step.resource.key, step.field): (step.resource, step)
        for listener in _listeners(state)
        for step in listener.left_out
        if step.resource
    }


def _listeners(state: State) -> Iterator[PortListener]:
    """What ports of gateways serve: those of pods, and of pods that aren't among the manifests."""
    pods = {pod.workload: pod for _, selected in _gateways(state) for pod in selected}
    for pod in pods.values():
        yield from merged(state, pod).values()
    servers = grouped(
        ((str(sorted(reading.selector.items())), server.number), server)
        for reading, selected in _gateways(state)
        if not selected
        for server in serving(reading.resource)[1]
    )
    yield from map(PortListener.of, servers.values())


@rule
def gateway_hosts_shared(state: State) -> Iterator[Sign]:
    for server, others, hosts in _shared(state, _hosts):
        if (server.resource.key, server.path) not in _left_out(state):
            names = some(map(_gateway_of, others))
            yield seen(server, "hosts", others=names, hosts=", ".join(hosts), port=server.port.number)


def _hosts(server: Server) -> Iterator[tuple[str, int | None, str]]:
    return ((host, server.port.number, server.bind) for host in server.hosts)


def _gateway_of(server: Server) -> str:
    return str(server.resource)


def _shared(
    state: State, keys: Callable[[Server], Iterable[str | tuple[str, int | None, str]]]
) -> Iterator[tuple[Server, list[Server], list[str]]]:
    """The servers that have a key in common with other Gateways' for the same pods, those, and the keys."""
    entries = grouped(
        ((place, key), server)
        for reading, pods in _gateways(state)
        for place in ({str(pod.workload) for pod in pods} or {str(sorted(reading.selector.items()))})
        for server in reading.servers
        for key in keys(server)
    )
    met: dict[tuple[object, str], tuple[Server, dict[str, Server], dict[str, None]]] = {}
    for (_, key), servers in entries.items():
        for server in servers:
            others = {str(each.resource): each for each in servers if each.resource is not server.resource}
            if others:
                _, sharing, names = met.setdefault((server.resource.key, server.path), (server, {}, {}))
                sharing.update(others)
                names[key if isinstance(key, str) else key[0]] = None
    for server, sharing, names in met.values():
        yield server, list(sharing.values()), list(names)


@per_state
def _gateways(state: State) -> list[tuple[IstioGateway, list[Pod]]]:
    """The Gateways, with the pods that each selects."""
    readings = map(IstioGateway.kept, state.all(*IstioGateway.KIND))
    return [(reading, of_gateway(state, reading.selector)) for reading in readings]
