"""Which pods and port stand behind a URL's host."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.api.kubernetes.pod import port_of
from harness.api.kubernetes.service import Service
from harness.base import HarnessError, Workload
from harness.cluster.api import PODS, SERVICES
from harness.cluster.objects import pods

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from harness.cluster.api import Client, Json
    from harness.traffic.request import Request


@dataclass(frozen=True)
class Behind:
    """The Service that a URL names, its running pods, and the container port that it maps to."""

    service: Workload
    pods: tuple[Json, ...]
    target: str | int

    def port(self, pod: Json) -> int | None:
        """Returns the target port's number in a pod."""
        return port_of(self.target, pods.spec(pod).named_ports)


def service_of(host: str, namespace: str) -> Workload | None:
    """Returns `namespace/name` of the Service that a pod of `namespace` reaches by this name, if any.

    Read as the cluster's DNS search list does: svc, svc.ns, svc.ns.svc, svc.ns.svc.cluster.domain.
    """
    labels = host.rstrip(".").split(".")
    if len(labels) == 1:
        return Workload(namespace, labels[0])
    if len(labels) == 2 or labels[2] == "svc":
        return Workload(labels[1], labels[0])
    return None


def behind(client: Client, request: Request) -> Behind:
    """Returns what stands behind a request's URL; raises HarnessError if that isn't a Service with pods."""
    service = service_of(request.host, request.source.namespace)
    live = client.find(SERVICES.path(service.namespace, service.name)) if service else None
    if service is None or live is None:
        raise HarnessError(f"{request.host} isn't a Service of this cluster", where=str(request))
    read = Service.live(live)
    port = next((each for each in read.ports if each.number == request.port), None)
    if port is None:
        raise HarnessError(f"Service {service} has no port {request.port}", where=str(request))
    if not read.selector:
        raise HarnessError(f"Service {service} has no selector, so its pods aren't known", where=str(request))
    chosen = selected(client, service.namespace, read.selector)
    return Behind(service, tuple(filter(pods.running, chosen)), port.target)


def selected(client: Client, namespace: str, selector: Mapping[str, str]) -> list[Json]:
    """Returns the pods of a namespace that have these labels."""
    query = {"labelSelector": ",".join(f"{key}={value}" for key, value in selector.items())}
    return client.list(PODS.collection(namespace), query)


def pods_of(client: Client, workload: Workload, wanted: Callable[[Json], bool] = pods.running) -> list[Json]:
    """Returns a workload's pods, those that run or that are otherwise `wanted`."""
    listed = client.list(PODS.collection(workload.namespace))
    return [pod for pod in listed if pods.workload(pod) == workload and wanted(pod)]
