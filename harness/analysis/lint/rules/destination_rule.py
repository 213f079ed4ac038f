"""Traps in DestinationRules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.analysis.lint.rule import Sign, rule, seen
from harness.api.istio.destination_rule import KIND, DestinationRule
from harness.api.istio.hosts import covers
from harness.api.kubernetes.selector import selects
from harness.api.kubernetes.service import Service
from harness.base.vocabulary import CLUSTER_DOMAIN, Mesh
from harness.model.state.tables import LabelTable, per_state

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.base.resources import Resource
    from harness.model import State
    from harness.model.state import Pod

SUFFIX = f".svc.{CLUSTER_DOMAIN}"


@rule
def destination_rule_host_missing(state: State) -> Iterator[Sign]:
    for reading in _rules(state):
        host = reading.full_host
        if not host.startswith("*") and host.endswith(SUFFIX) and service_of(state, host) is None:
            yield seen(reading, "host", service=host.removesuffix(SUFFIX))


@rule
def destination_rule_subset_without_pods(state: State) -> Iterator[Sign]:
    for reading in _rules(state):
        service = service_of(state, reading.full_host)
        pods = _pods(state, service) if service else []
        for subset in reading.subsets:
            if pods and not any(selects(subset.labels, pod.labels) for pod in pods):
                yield seen(subset, "labels", service=service, subset=subset.name)


@rule
def destination_rule_tls_to_outsiders(state: State) -> Iterator[Sign]:
    for reading in _rules(state):
        service, tls = service_of(state, reading.full_host), reading.traffic_policy.tls
        outside = [pod for pod in _pods(state, service) if pod.mesh is not Mesh.ISTIO] if service else []
        if tls and tls.mode == "ISTIO_MUTUAL" and outside:
            yield seen(tls, "mode", workload=outside[0].workload)


def _rules(state: State) -> Iterator[DestinationRule]:
    return map(DestinationRule.of, state.all(*KIND))


def service_of(state: State, host: str) -> Resource | None:
    """Returns the Service of a host in full; None if there is none, or the host isn't of the cluster."""
    name, _, namespace = host.removesuffix(SUFFIX).partition(".")
    return state.get("", "Service", namespace, name) if covers(f"*{SUFFIX}", host) else None


def _pods(state: State, service: Resource) -> list[Pod]:
    selector = Service.kept(service).selector
    return _by_labels(state).selected(service.namespace, selector) if selector else []


@per_state
def _by_labels(state: State) -> LabelTable[Pod]:
    return LabelTable((pod.namespace, pod.labels, pod) for pod in state.pods)
