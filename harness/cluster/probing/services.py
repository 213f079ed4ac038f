"""Which Service, pods and port stand behind a host, and what a name gives in a pod."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.api.kubernetes.metadata import Metadata
from harness.api.kubernetes.pod import port_of
from harness.api.kubernetes.service import Service
from harness.base import HarnessError, Workload
from harness.cluster.api import PODS, SERVICES, execute
from harness.cluster.api.streams import NOT_RUN
from harness.cluster.objects import pods
from harness.traffic.observables import Resolution

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from harness.cluster.api import Client, Deadline, Json
    from harness.cluster.probing.curl import Curl
    from harness.traffic.request import Request

_NOT_FOUND = 2  # getent's exit code for a name that has no entry


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


def resolve(client: Client, namespace: str, sender: Curl, name: str, deadline: Deadline) -> Resolution:
    """Returns what a name leads to; raises HarnessError if it can't be looked up from there.

    Addresses that neither a Service nor a pod has are outside of the cluster.
    """
    argv = ["getent", "ahosts", name]
    done = execute(client, namespace, sender.pod, sender.container, argv, deadline)
    where = f"Pod {namespace}/{sender.pod}, container {sender.container}"
    if done.code == _NOT_FOUND:
        return Resolution(evidence=(f"getent in {where} finds no address",))
    if done.code:
        why = "there is no getent" if done.code == NOT_RUN else f"getent ended with {done.code}"
        raise HarnessError(f"{name} can't be looked up", where=where, why=f"{why} {done.stderr}".strip())
    addresses = tuple(dict.fromkeys(line.split()[0] for line in done.stdout.splitlines() if line.strip()))
    service = _service(client, set(addresses), name, namespace)
    listed = client.list(PODS.collection()) if service is None else []
    inside = any(pods.running(pod) and pods.status(pod).ip in addresses for pod in listed)
    evidence = (f"getent in {where}: {', '.join(addresses)}",)
    return Resolution(service, service is None and not inside, addresses, evidence)


def _service(client: Client, addresses: set[str], name: str, namespace: str) -> Workload | None:
    """The Service whose own addresses these are, or, headless, whose pods'."""
    services = [(Metadata.live(live), Service.live(live)) for live in client.list(SERVICES.collection())]
    for metadata, service in services:
        if not addresses.isdisjoint(service.addresses):
            return Workload(metadata.namespace, metadata.name)
    labels = name.rstrip(".").split(".")
    for metadata, service in services:
        meant = metadata.name in labels[:2] and metadata.namespace in (*labels[1:3], namespace)
        if service.headless and service.selector and meant:
            chosen = selected(client, metadata.namespace, service.selector)
            if addresses <= {pods.status(pod).ip for pod in chosen}:
                return Workload(metadata.namespace, metadata.name)
    return None
