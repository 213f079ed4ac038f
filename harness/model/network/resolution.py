"""What a name leads to in a workload's pod: what its resolver answers, without any request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.kubernetes.service import Service
from harness.base.errors import NotModelledError
from harness.base.vocabulary import Workload
from harness.model.network import dns, network_policy
from harness.model.network import outside as external
from harness.traffic.observables import Resolution

if TYPE_CHECKING:
    from harness.model.state.state import State


def resolve(state: State, source: Workload, name: str) -> Resolution:
    """Returns what a name leads to; raises NotModelledError if no pod of the workload is running.

    A headless Service without ready pods has no address, so its name leads nowhere.
    """
    pods = state.pods_of(source)
    if not pods:
        raise NotModelledError(f"there is no running workload {source}", why="names are looked up in its pod")
    client = pods[0]
    asked = network_policy.names(state, client)
    if not asked.allowed:
        return Resolution(told=("the pod can't ask the cluster's DNS", *map(str, asked.trace)))
    answer = dns.lookup(state, name, client.namespace, client.resolver) or dns.Lookup(outside=name)
    told = tuple(map(str, answer.trace))
    if answer.outside:
        outside = external.leads_out(state, answer.outside, client.namespace)
        return Resolution(outside=outside, told=told)
    service = answer.service
    if service is None or (Service.kept(service).headless and not answer.pods):
        return Resolution(told=told)
    return Resolution(Workload(service.namespace, service.name), told=told)
