"""Kubernetes' own part: names, Services and their ports, and the pods behind them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.model.objects import not_modelled, selects, spec_of

if TYPE_CHECKING:
    from harness.model.pods import Pod
    from harness.model.state import State
    from harness.resources import Resource

CLUSTER_DOMAIN = "cluster.local"

# Names and application protocols that Istio and Kubernetes know; anything else is detected.
_PROTOCOLS = {
    "http": "http",
    "http2": "http2",
    "grpc": "grpc",
    "grpc-web": "http",
    "kubernetes.io/h2c": "http2",
    "kubernetes.io/ws": "http",
    "tcp": "tcp",
    "tls": "tcp",
    "https": "tcp",
    "mongo": "tcp",
    "mysql": "tcp",
    "redis": "tcp",
}


@dataclass(frozen=True)
class ServicePort:
    """One port of a Service."""

    service: Resource
    number: int
    target: int | str
    name: str = ""
    app_protocol: str = ""

    @property
    def protocol(self) -> str:
        """`http`, `http2`, `grpc`, `tcp`, or empty if the port says none (it is detected then).

        Said by appProtocol, else by the name up to its first dash [Istio: protocol selection].
        """
        if self.app_protocol:
            return _PROTOCOLS.get(self.app_protocol, "")
        return _PROTOCOLS.get(self.name, _PROTOCOLS.get(self.name.partition("-")[0], ""))


@dataclass(frozen=True)
class Endpoint:
    """A ready pod's port behind a Service."""

    pod: Pod
    port: int


def fqdn(service: Resource) -> str:
    """Returns the Service's full name."""
    return f"{service.name}.{service.namespace}.svc.{CLUSTER_DOMAIN}"


def resolve(state: State, host: str, namespace: str) -> Resource | None:
    """Returns the Service that a pod of this namespace reaches by a host name, through DNS search.

    Names of pods behind headless Services, and names outside the cluster, aren't modelled: None.
    Raises NotModelledError for ExternalName and headless Services.
    """
    name, _, rest = host.rstrip(".").partition(".")
    owner, _, domain = rest.partition(".")
    if domain not in ("", "svc", f"svc.{CLUSTER_DOMAIN}"):
        return None
    service = state.get("", "Service", owner or namespace, name)
    if service is None:
        return None
    if spec_of(service).get("type") == "ExternalName":
        raise not_modelled(service, "spec.externalName", "the name leads out of the cluster")
    if spec_of(service).get("clusterIP") == "None":
        raise not_modelled(service, "spec.clusterIP", "clients of a headless Service pick pods themselves")
    return service


def names(service: Resource, namespace: str) -> tuple[str, ...]:
    """Returns the names by which a client in a namespace may call a Service."""
    short = f"{service.name}.{service.namespace}"
    alone = (service.name,) if service.namespace == namespace else ()
    return (f"{short}.svc.{CLUSTER_DOMAIN}", f"{short}.svc", short, *alone)


def service_ports(service: Resource) -> tuple[ServicePort, ...]:
    """Returns the Service's ports in their order."""
    return tuple(
        ServicePort(
            service,
            int(port["port"]),
            port.get("targetPort") or int(port["port"]),
            port.get("name") or "",
            port.get("appProtocol") or "",
        )
        for port in spec_of(service).get("ports") or ()
        if port.get("protocol", "TCP") == "TCP"
    )


def service_port(service: Resource, number: int) -> ServicePort | None:
    """Returns the Service's port with this number, if it has one."""
    return next((port for port in service_ports(service) if port.number == number), None)


def endpoints(state: State, port: ServicePort) -> tuple[Endpoint, ...]:
    """Returns the pods' ports behind a Service's port.

    Raises NotModelledError for a Service without selector: somebody else writes its endpoints.
    """
    selector = spec_of(port.service).get("selector")
    if not selector:
        raise not_modelled(port.service, "spec.selector", "without it the endpoints are written by others")
    found = (
        (pod, pod.port(port.target))
        for pod in state.pods
        if pod.namespace == port.service.namespace and selects(selector, pod.labels)
    )
    return tuple(Endpoint(pod, number) for pod, number in found if number is not None)
