"""Traps in Ingresses that Istio's gateway serves: backends that aren't there, and what Istio passes over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.analysis.lint.rule import Sign, rule, seen
from harness.api.kubernetes.ingress import Ingress
from harness.api.kubernetes.service import Service
from harness.model.istio.gateway.kubernetes_ingress import port_of, served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.api.kubernetes.ingress import ServiceBackend
    from harness.model import State


@rule
def ingress_backend_missing(state: State) -> Iterator[Sign]:
    for ingress in map(Ingress.kept, served(state)):
        for path in (path for part in ingress.rules if part.http for path in part.http.paths):
            if path.backend.service:
                yield from _missing(state, path.backend.service)


def _missing(state: State, backend: ServiceBackend) -> Iterator[Sign]:
    namespace = backend.resource.namespace
    service = state.get("", "Service", namespace, backend.name)
    if service is None:
        name = f"{namespace}/{backend.name}"
        yield seen(backend, "name", case="service", needs=("", "Service", namespace), service=name)
    elif port_of(state, namespace, backend) not in [port.number for port in Service.kept(service).ports]:
        written = backend.port.name or str(backend.port.number)
        yield seen(backend, "port", case="port", service=service, port=written)


@rule
def ingress_passed_over(state: State) -> Iterator[Sign]:
    for ingress in map(Ingress.kept, served(state)):
        if ingress.default_backend is not None:
            yield seen(ingress, "defaultBackend", case="default")
        for path in (path for part in ingress.rules if part.http for path in part.http.paths):
            if path.backend.object is not None:
                yield seen(path.backend, "resource", case="resource")
