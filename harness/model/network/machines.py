"""Machines outside of the cluster that are endpoints of Services: Linkerd's ExternalWorkloads.

Linkerd's controller writes EndpointSlices for them, which every client sees; the machine's proxy takes
connections as a pod's does [linkerd/linkerd2: controller/api/destination/external-workload].
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.kubernetes.metadata import annotations_of, labels_of
from harness.api.linkerd import TUNNEL
from harness.api.linkerd.external_workload import GROUP, ExternalWorkload
from harness.base.vocabulary import Mesh, Workload
from harness.model.state import Pod, RunningContainer
from harness.model.state.tables import LabelTable, per_state
from harness.traffic.observables import Proxy

if TYPE_CHECKING:
    from harness.base.resources import Resource
    from harness.model.state import State


@per_state
def machines(state: State) -> tuple[Pod, ...]:
    """Returns those that are ready, each as the pod that it stands for."""
    every = state.all(GROUP, "ExternalWorkload")
    return tuple(_machine(each) for each in every if ExternalWorkload.kept(each).ready)


@per_state
def machines_by_labels(state: State) -> LabelTable[Pod]:
    """Returns the same, to be looked up by a Service's selector."""
    return LabelTable((machine.namespace, machine.labels, machine) for machine in machines(state))


def _machine(resource: Resource) -> Pod:
    read = ExternalWorkload.kept(resource)
    ports = {port.name: port.number for port in read.ports if port.name and port.protocol == "TCP"}
    return Pod(
        name=resource.name,
        workload=Workload(resource.namespace, resource.name),
        labels=labels_of(resource),
        annotations=annotations_of(resource),
        service_account="",
        containers=(RunningContainer(resource.name, "", ports=ports),),
        proxies=(Proxy(Mesh.LINKERD, native=False),),
        ip=next(iter(read.addresses), ""),
        addresses=read.addresses,
        host_network=True,  # to no NetworkPolicy it is a pod
        named_ports={(name, "TCP"): number for name, number in ports.items()},
        identities=dict.fromkeys(Mesh, read.identity),
        tunnel=TUNNEL,
        machine=True,
    )
