"""The servers of Istio's Gateways on a gateway's pod: which of them share a port, and which are left out.

[istio/istio: pilot/pkg/model/gateway.go, mergeGateways]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.api.istio import ingress
from harness.api.istio.gateway import HTTP, IstioGateway
from harness.api.istio.hosts import covers
from harness.api.kubernetes.ingress import Ingress
from harness.api.kubernetes.selector import selects
from harness.base.resources import per_object
from harness.model import app_ports
from harness.model.istio import revision
from harness.model.istio.gateway import kubernetes_ingress
from harness.model.istio.gateway import listener as gateway_listener
from harness.model.network.services import service_ports
from harness.model.state.tables import grouped, per_key
from harness.traffic.trace import Action, Part, Step, step

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from harness.api.gateway_api.gateway import Listener
    from harness.api.istio import gateway as api
    from harness.base.resources import Resource
    from harness.model.state import Pod, State


@dataclass(frozen=True)
class GatewayServer:
    """A server of a Gateway, and where it is written; its hosts are `name` or `namespace/name`.

    `mode` is that of its TLS settings, None without any; `credentials` are Secrets. `listener` is what it
    was made of, if it is a Gateway API Gateway's; `fault` says why it can't end TLS.
    """

    gateway: Resource
    field: str
    number: int
    protocol: str
    hosts: tuple[str, ...]
    mode: str | None = None
    credentials: tuple[str, ...] = ()
    redirects: bool = False
    listener: Listener | None = None
    fault: str = ""

    @property
    def gateway_name(self) -> str:
        """The Gateway as VirtualServices name it."""
        if self.gateway.key[:2] == Ingress.KIND:
            return ingress.gateway_name(self.gateway)
        return self.listener.server_name if self.listener else f"{self.gateway.namespace}/{self.gateway.name}"

    @property
    def http(self) -> bool:
        """Whether it speaks HTTP without TLS."""
        return self.protocol in HTTP

    @property
    def plain(self) -> bool:
        """Whether it speaks without TLS (that of an HTTP server only redirects)."""
        return self.http or self.mode is None

    @property
    def passes_tls_on(self) -> bool:
        """Whether TLS doesn't end at the gateway."""
        return not self.plain and self.mode == "PASSTHROUGH"

    @property
    def crosses_clusters(self) -> bool:
        """Whether it sends other clusters' mutual TLS on by the name that it asks for."""
        return self.mode == "AUTO_PASSTHROUGH"

    @property
    def reads_http(self) -> bool:
        """Whether it reads HTTP, as it comes or inside of TLS that ends at the gateway."""
        own = self.passes_tls_on or self.crosses_clusters
        return self.http or (self.protocol == "HTTPS" and not own)

    @property
    def names(self) -> tuple[str, ...]:
        """Its hosts without namespaces: what the SNI is compared with."""
        return tuple(host.rpartition("/")[2] for host in self.hosts)

    def hosts_for(self, namespace: str) -> tuple[str, ...]:
        """Returns its hosts that are open to a namespace's VirtualServices."""
        split = (host.rpartition("/") for host in self.hosts)
        return tuple(name for owner, slash, name in split if not slash or owner == namespace)

    def step(self, part: str, action: Action, words: str, *parts: Part) -> Step:
        """Returns what a field of this server (empty: all of it) did."""
        return step(self.gateway, self.field + (f".{part}" if part else ""), action, words, *parts)


@dataclass(frozen=True)
class PortListener:
    """What one port of a gateway's pod serves: servers without TLS, and those that TLS's name tells apart."""

    plain: tuple[GatewayServer, ...]
    tls: tuple[GatewayServer, ...]
    left_out: tuple[Step, ...]

    @classmethod
    def of(cls, servers: Iterable[GatewayServer]) -> PortListener:
        """Returns what becomes of servers for one port: a later one may not go together with those before."""
        plain: list[GatewayServer] = []
        tls: list[GatewayServer] = []
        left_out: list[Step] = []
        secured: set[str] = set()
        for server in servers:
            twice = [host for host in server.hosts if server.mode is not None and host in secured]
            if twice:
                text = "is left out: the port has {} with TLS settings already"
                left_out.append(server.step("", Action.IGNORED, text, ", ".join(twice)))
            elif plain and not (plain[0].http and server.http):
                text, first = "is left out: {} {} has the port for {}", plain[0]
                parts = (first.gateway, first.field, first.protocol)
                left_out.append(server.step("", Action.IGNORED, text, *parts))
            else:
                (plain if server.plain else tls).append(server)
                secured.update(server.hosts if server.mode is not None else ())
        return cls(tuple(plain), tuple(tls), tuple(left_out))


def listener(state: State, pod: Pod, port: int) -> PortListener | None:
    """Returns what a port of a gateway's pod serves."""
    return merged(state, pod).get(port)


def has_host(state: State, pod: Pod, port: int, host: str) -> bool:
    """Returns whether a server on a port of a gateway's pod is open for a host."""
    own = listener(state, pod, port)
    servers = (*own.plain, *own.tls) if own else ()
    return any(covers(name, host) for server in servers for name in server.names)


def passed_over(state: State, pod: Pod) -> list[Step]:
    """Returns why Gateways for a pod don't count that the control plane doesn't take in."""
    return revision.passed_over(
        state, IstioGateway.KIND, lambda gateway: selects(serving(gateway)[0], pod.labels)
    )


@per_key(lambda pod: (pod.namespace, frozenset(pod.labels.items())))
def merged(state: State, pod: Pod) -> dict[int, PortListener]:
    """Returns what each port of a gateway's pod serves."""
    ports = _service_ports(state, pod)
    ingresses = (
        (kubernetes_ingress.selector(state), _of_ingress(each)) for each in kubernetes_ingress.served(state)
    )
    gateways = (*ingresses, *map(serving, revision.acting(state, *IstioGateway.KIND)))
    selected = (server for labels, servers in gateways if selects(labels, pod.labels) for server in servers)
    own = [(ports.get(server.number, server.number), server) for server in selected]
    others = gateway_listener.serving(state, pod)
    groups = grouped((*own, *((port, _listening(state, listener)) for listener, port in others)))
    return {port: PortListener.of(servers) for port, servers in groups.items()}


def _listening(state: State, listener: Listener) -> GatewayServer:
    tls = gateway_listener.tls_mode(state, listener)
    fault = gateway_listener.fault(state, listener)
    return GatewayServer(
        listener.resource,
        listener.path,
        listener.port,
        listener.protocol,
        (listener.hostname,),
        tls.replace("ISTIO_SIMPLE", "SIMPLE") or None,
        listener=listener,
        fault=fault[1] if fault else "",
    )


def _service_ports(state: State, pod: Pod) -> dict[int, int]:
    """The pod's ports by the ports of its Services, of several Services the oldest's.

    A Gateway's port number names a port of the gateway's Service, and is served on that one's target; a
    number that no Service port has is served as it is [resolvePorts, for gateways chosen by label].
    """
    services = reversed(app_ports.selecting(state, pod))
    pairs = ((port.number, pod.port(port.target)) for each in services for port in service_ports(each))
    return {number: target for number, target in pairs if target is not None}


@per_object
def serving(gateway: Resource) -> tuple[Mapping[str, str], tuple[GatewayServer, ...]]:
    """Returns the labels of the pods that a Gateway of Istio's selects, and what they serve for it."""
    reading = IstioGateway.of(gateway)
    return reading.selector, tuple(map(_server, reading.servers))


def _of_ingress(resource: Resource) -> tuple[GatewayServer, ...]:
    """What is served for an Ingress: HTTPS by its certificates, and HTTP for every host."""
    return (
        *(
            GatewayServer(
                resource,
                tls.path,
                443,
                "HTTPS",
                tuple(host.lower() for host in tls.hosts) or ("*",),
                "SIMPLE",
                (tls.secret_name,),
            )
            for tls in Ingress.kept(resource).tls
            if tls.secret_name
        ),
        GatewayServer(resource, "spec", 80, "HTTP", ("*",)),
    )


def _server(part: api.Server) -> GatewayServer:
    return GatewayServer(
        part.resource,
        part.path,
        part.port.number or 0,
        part.protocol,
        tuple(name if owner == "*" else f"{owner}/{name}" for owner, name in part.open_to),
        part.tls.effective_mode if part.has("tls") else None,
        part.tls.credentials,
        part.tls.https_redirect,
    )
