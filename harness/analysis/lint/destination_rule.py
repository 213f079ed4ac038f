"""Traps in DestinationRules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.analysis.lint.trap import Symptom, rule
from harness.api.istio.destination_rule import KIND, DestinationRule
from harness.api.istio.hosts import covers
from harness.api.kubernetes.selector import selects
from harness.api.kubernetes.service import Service
from harness.base.vocabulary import CLUSTER_DOMAIN, Mesh

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.base.resources import Resource
    from harness.model import State
    from harness.model.state.pods import Pod

_SUFFIX = f".svc.{CLUSTER_DOMAIN}"


@rule
def destination_rule_host_missing(state: State) -> Iterator[Symptom]:
    """A DestinationRule for a Service that isn't there does nothing."""
    for reading in _rules(state):
        host = reading.full_host
        if not host.startswith("*") and host.endswith(_SUFFIX) and _service(state, host) is None:
            yield Symptom(
                reading.resource,
                reading.at("host"),
                f"there is no Service {host.removesuffix(_SUFFIX)}",
                "the rule has no effect (a short name is looked up in the rule's own namespace)",
                "correct the host, in full if it is another namespace's",
            )


@rule
def destination_rule_subset_without_pods(state: State) -> Iterator[Symptom]:
    """A subset whose labels no pod of the Service has answers 503."""
    for reading in _rules(state):
        service = _service(state, reading.full_host)
        pods = _pods(state, service) if service else []
        for subset in reading.subsets:
            if pods and not any(selects(subset.labels, pod.labels) for pod in pods):
                yield Symptom(
                    reading.resource,
                    subset.at("labels"),
                    f"no pod of {service} has them",
                    f"requests to the subset {subset.name} get 503",
                    "correct the labels, or deploy the version that they mean",
                )


@rule
def destination_rule_tls_to_outsiders(state: State) -> Iterator[Symptom]:
    """`tls.mode: ISTIO_MUTUAL` to pods without Istio's proxy: nobody there can end the TLS."""
    for reading in _rules(state):
        service, tls = _service(state, reading.full_host), reading.traffic_policy.tls
        outside = [pod for pod in _pods(state, service) if pod.mesh is not Mesh.ISTIO] if service else []
        if tls and tls.mode == "ISTIO_MUTUAL" and outside:
            yield Symptom(
                reading.resource,
                tls.at("mode"),
                f"is ISTIO_MUTUAL, and {outside[0].workload} has no Istio proxy",
                "TLS that nobody ends: Istio's clients get 503 as soon as the server leaves Istio",
                "leave tls out: Istio then uses mutual TLS exactly where the server has its proxy",
            )


def _rules(state: State) -> Iterator[DestinationRule]:
    return map(DestinationRule.of, state.all(*KIND))


def _service(state: State, host: str) -> Resource | None:
    name, _, namespace = host.removesuffix(_SUFFIX).partition(".")
    return state.get("", "Service", namespace, name) if covers(f"*{_SUFFIX}", host) else None


def _pods(state: State, service: Resource) -> list[Pod]:
    selector = Service.kept(service).selector
    if not selector:
        return []
    return [p for p in state.pods if p.namespace == service.namespace and selects(selector, p.labels)]
