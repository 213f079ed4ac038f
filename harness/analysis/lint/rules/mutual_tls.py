"""Traps in mutual TLS at the boundary of a mesh."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.analysis.lint.rule import rule, seen
from harness.api.kubernetes.service import Service
from harness.base.vocabulary import Mesh
from harness.model.calls import calls
from harness.model.istio.security.mutual_tls import mode
from harness.model.network.services import endpoints, service_ports

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.analysis.lint.rule import Sign
    from harness.model import State


@rule
def strict_and_outsiders(state: State) -> Iterator[Sign]:
    for call in calls(state):
        callers = state.pods_of(call.caller)
        if not callers or callers[0].mesh is Mesh.ISTIO or not Service.kept(call.service).selector:
            continue
        for port in service_ports(call.service):
            for endpoint in endpoints(state, port):
                if endpoint.pod.mesh is not Mesh.ISTIO:
                    continue
                decided, step = mode(state, endpoint.pod, endpoint.port)
                if decided != "STRICT" or step.resource is None:
                    continue
                yield seen(
                    step.resource,
                    step.field,
                    workload=endpoint.pod.workload,
                    caller=call.caller,
                    told_by=call.field,
                    answer="502" if callers[0].mesh is Mesh.LINKERD else "connection reset",
                    proxy="has Linkerd's proxy" if callers[0].mesh else "has no proxy",
                )
                break
