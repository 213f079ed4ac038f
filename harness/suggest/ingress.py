"""What comes in by gateways: a question for each rule of the routes that are bound to one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.analysis.compare import conditions
from harness.analysis.compare.examples import examples
from harness.api import gateway_api
from harness.api.gateway_api.gateway import KubernetesGateway
from harness.api.gateway_api.route import Route
from harness.api.istio.gateway import IstioGateway
from harness.api.istio.virtual_service import VirtualService
from harness.api.kubernetes.selector import selects
from harness.api.kubernetes.service import Service
from harness.model.istio.gateway import deployment as gateway_deployment
from harness.model.istio.routing import virtual_service
from harness.model.network.services import service_ports
from harness.suggest.estate import url
from harness.suggest.question import Origin, Question, Skipped, Topic
from harness.suggest.routes import EXAMPLES, about, rule, unmet, words
from harness.traffic.request import Request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.base.resources import Resource
    from harness.model.network.services import ServicePort
    from harness.suggest.estate import Estate


def questions(estate: Estate) -> Iterator[Question | Skipped]:
    """Yields what to ask from outside about each route that is bound to a gateway."""
    state = estate.state
    for route in state.all(*VirtualService.KIND):
        hosts = virtual_service.hosts(route)
        for name in virtual_service.gateways(route):
            namespace, _, short = name.partition("/")
            gateway = state.get(*IstioGateway.KIND, namespace, short)
            if gateway is not None:
                yield from _through(estate, route, name, hosts, _of_selector(estate, gateway))
    for kind in ("HTTPRoute", "GRPCRoute"):
        for route in state.all(gateway_api.GROUP, kind):
            parsed = Route.kept(route)
            for parent in parsed.parents:
                gateway = state.get(gateway_api.GROUP, "Gateway", parent.namespace, parent.name)
                if parent.kind == "Gateway" and gateway is not None:
                    ports = _of_gateway(estate, gateway)
                    yield from _through(estate, route, gateway.name, parsed.hostnames, ports)


def _of_selector(estate: Estate, gateway: Resource) -> Iterator[ServicePort]:
    """The ports for plain HTTP of the Services whose pods an Istio Gateway selects."""
    read = IstioGateway.of(gateway)
    served = {server.port.number for server in read.servers if server.protocol in ("HTTP", "HTTP2", "GRPC")}
    for service in estate.state.all("", "Service"):
        selector = Service.kept(service).selector
        pods = [pod for pod in estate.state.pods if pod.gateway and pod.namespace == service.namespace]
        if selector and any(selects(read.selector, p.labels) and selects(selector, p.labels) for p in pods):
            yield from (port for port in service_ports(service) if served & {port.number, port.target})


def _of_gateway(estate: Estate, gateway: Resource) -> Iterator[ServicePort]:
    """The ports for plain HTTP of the Services that lead to a Gateway of the Gateway API."""
    listeners = KubernetesGateway.of(gateway).listeners
    served = {listener.port for listener in listeners if listener.protocol == "HTTP"}
    for name in gateway_deployment.services(gateway):
        short, namespace, *_ = name.split(".")
        service = estate.state.get("", "Service", namespace, short)
        if service is not None:
            yield from (port for port in service_ports(service) if port.number in served)


def _through(
    estate: Estate, route: Resource, gateway: str, hosts: tuple[str, ...], ports: Iterator[ServicePort]
) -> Iterator[Question | Skipped]:
    port = next(ports, None)
    if port is None:
        yield Skipped(f"{route} at gateway {gateway}", "no Service's port leads to one of it for plain HTTP")
        return
    wanted = conditions.of(route)
    host = next((name for name in hosts if "*" not in name), hosts[0].replace("*", "any") if hosts else "")
    host = "" if host == "any" else host
    tried, _ = examples(wanted, grpc=False, limit=EXAMPLES)
    met: set[Origin | None] = set()
    for example in tried:
        headers = (("host", host), *example.headers) if host else example.headers
        address = url(port.service, port, estate.outside, "http", example.target)
        request = Request(estate.outside, address, example.method, headers)
        outcomes = estate.outcomes(request)
        origin = rule(outcomes, (route,)) if outcomes else None
        if origin is None or origin in met:
            continue
        met.add(origin)
        subject = f"{host or port.service.name}{words(example, example.target, '')}"
        yield from about(request, subject, (origin,), frozenset(), Topic.INGRESS)
    yield from unmet((route,), met)
