"""What a name gives in a pod: by the pod's own resolver, as its applications would ask it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.kubernetes.metadata import Metadata
from harness.api.kubernetes.service import Service
from harness.base import HarnessError, Workload
from harness.cluster.api import PODS, SERVICES, execute
from harness.cluster.api.streams import NOT_RUN
from harness.cluster.objects import pods
from harness.cluster.objects.services import selected
from harness.traffic.observables import Resolution

if TYPE_CHECKING:
    from harness.cluster.api import Client, Deadline, Json
    from harness.cluster.probing.curl import Curl

_NOT_FOUND = 2  # getent's exit code for a name that has no entry


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
    outside = service is None and not _pods(client, set(addresses))
    return Resolution(service, outside, addresses, (f"getent in {where}: {', '.join(addresses)}",))


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
            behind = selected(client, metadata.namespace, service.selector)
            if addresses <= {pods.status(pod).ip for pod in behind}:
                return Workload(metadata.namespace, metadata.name)
    return None


def _pods(client: Client, addresses: set[str]) -> list[Json]:
    listed = client.list(PODS.collection())
    return [pod for pod in listed if pods.running(pod) and pods.status(pod).ip in addresses]
