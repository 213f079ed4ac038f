"""Traps in DestinationRules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.analysis.lint.trap import Finding, rule
from harness.api.istio.hosts import covers, full_host
from harness.api.kubernetes.service import Service
from harness.api.objects import selects, spec_of
from harness.base.vocabulary import CLUSTER_DOMAIN, Mesh

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.base.resources import Resource
    from harness.model import State
    from harness.model.state.pods import Pod

_GROUP = "networking.istio.io"


@rule
def destination_rule_host_missing(state: State) -> Iterator[Finding]:
    """A DestinationRule for a Service that isn't there does nothing."""
    for resource, host in _hosts(state):
        if (
            not host.startswith("*")
            and host.endswith(f".svc.{CLUSTER_DOMAIN}")
            and _service(state, host) is None
        ):
            name = host.removesuffix(f".svc.{CLUSTER_DOMAIN}")
            yield Finding(
                resource,
                "spec.host",
                f"there is no Service {name}",
                "the rule has no effect (a short name is looked up in the rule's own namespace)",
                "correct the host, in full if it is another namespace's",
            )


@rule
def destination_rule_subset_without_pods(state: State) -> Iterator[Finding]:
    """A subset whose labels no pod of the Service has answers 503."""
    for resource, host in _hosts(state):
        service = _service(state, host)
        pods = _pods(state, service) if service else []
        for index, subset in enumerate(spec_of(resource).get("subsets") or ()):
            labels = subset.get("labels") or {}
            if pods and not any(selects(labels, pod.labels) for pod in pods):
                yield Finding(
                    resource,
                    f"spec.subsets[{index}].labels",
                    f"no pod of {service} has them",
                    f"requests to the subset {subset.get('name')} get 503",
                    "correct the labels, or deploy the version that they mean",
                )


@rule
def destination_rule_tls_to_outsiders(state: State) -> Iterator[Finding]:
    """`tls.mode: ISTIO_MUTUAL` to pods without Istio's proxy: nobody there can end the TLS."""
    for resource, host in _hosts(state):
        service, mode = _service(state, host), _mode(resource)
        outside = [pod for pod in _pods(state, service) if pod.mesh is not Mesh.ISTIO] if service else []
        if mode == "ISTIO_MUTUAL" and outside:
            yield Finding(
                resource,
                "spec.trafficPolicy.tls.mode",
                f"is ISTIO_MUTUAL, and {outside[0].workload} has no Istio proxy",
                "TLS that nobody ends: Istio's clients get 503 as soon as the server leaves Istio",
                "leave tls out: Istio then uses mutual TLS exactly where the server has its proxy",
            )


def _hosts(state: State) -> Iterator[tuple[Resource, str]]:
    for resource in state.all(_GROUP, "DestinationRule"):
        yield resource, full_host(spec_of(resource).get("host") or "", resource.namespace)


def _service(state: State, host: str) -> Resource | None:
    suffix = f".svc.{CLUSTER_DOMAIN}"
    name, _, namespace = host.removesuffix(suffix).partition(".")
    return state.get("", "Service", namespace, name) if covers(f"*{suffix}", host) else None


def _pods(state: State, service: Resource) -> list[Pod]:
    selector = Service.kept(service).selector
    if not selector:
        return []
    return [p for p in state.pods if p.namespace == service.namespace and selects(selector, p.labels)]


def _mode(resource: Resource) -> str:
    mode: str = ((spec_of(resource).get("trafficPolicy") or {}).get("tls") or {}).get("mode") or ""
    return mode
