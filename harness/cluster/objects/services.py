"""Which pods and port stand behind a URL's host."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.base.errors import HarnessError
from harness.base.vocabulary import Workload
from harness.cluster.api.discovery import PODS, SERVICES
from harness.cluster.objects import pods

if TYPE_CHECKING:
    from harness.cluster.api.client import Client, Json
    from harness.traffic.request import Request


@dataclass(frozen=True)
class Behind:
    """The Service that a URL names, its running pods, and the container port that it maps to."""

    service: Workload
    pods: tuple[Json, ...]
    target: str | int

    def port(self, pod: Json) -> int | None:
        """Returns the target port's number in a pod."""
        if isinstance(self.target, int):
            return self.target
        containers = [*pod["spec"]["containers"], *(pod["spec"].get("initContainers") or ())]
        for container in containers:
            for port in container.get("ports") or ():
                if port.get("name") == self.target:
                    return int(port["containerPort"])
        return None


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
    found = client.find(SERVICES.path(service.namespace, service.name)) if service else None
    if service is None or found is None:
        raise HarnessError(f"{request.host} isn't a Service of this cluster", where=str(request))
    spec = found["spec"]
    port = next((one for one in spec.get("ports") or () if one["port"] == request.port), None)
    if port is None:
        raise HarnessError(f"Service {service} has no port {request.port}", where=str(request))
    if not spec.get("selector"):
        raise HarnessError(f"Service {service} has no selector, so its pods aren't known", where=str(request))
    selector = ",".join(f"{key}={value}" for key, value in spec["selector"].items())
    chosen = client.list(PODS.collection(service.namespace), {"labelSelector": selector})
    return Behind(service, tuple(filter(pods.running, chosen)), port.get("targetPort") or port["port"])
