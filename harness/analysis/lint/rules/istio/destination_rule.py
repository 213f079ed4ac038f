"""Traps in DestinationRules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.analysis.lint.rule import Sign, rule, seen
from harness.analysis.lint.rules.istio.destination import chosen_subsets
from harness.analysis.lint.rules.istio.registry import hosts, needs
from harness.analysis.lint.rules.pods import behind
from harness.api.istio.destination_rule import KIND, DestinationRule
from harness.api.kubernetes.selector import selects
from harness.base.vocabulary import CLUSTER_DOMAIN, Mesh
from harness.model.state.tables import per_state

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.model import State
    from harness.model.state import Pod

_TOPOLOGY = "topology."  # labels of nodes, which Istio adds to their pods' own


@rule
def destination_rule_host_missing(state: State) -> Iterator[Sign]:
    for reading in _rules(state):
        host = reading.full_host
        if not host.startswith("*") and not hosts(state).covering(host.lower()):
            name = host.removesuffix(f".svc.{CLUSTER_DOMAIN}")
            yield seen(reading, "host", needs=needs(state, host), host=name)


@rule
def destination_rule_subset_without_pods(state: State) -> Iterator[Sign]:
    for reading in _rules(state):
        for subset in reading.subsets:
            pods, labels = _pods(state, reading), _of_pods(subset.labels)
            if pods and not any(selects(labels, pod.labels) for pod in pods):
                chosen = (reading.full_host, subset.name) in chosen_subsets(state)
                case = "" if chosen else "unused"
                yield seen(subset, "labels", case=case, host=reading.full_host, subset=subset.name)


def _of_pods(labels: Mapping[str, str]) -> dict[str, str]:
    """The labels that pods have, or can't have: nodes' labels may be any, but not empty."""
    return {
        key: value
        for key, value in labels.items()
        if not (value and key.partition("/")[0].startswith(_TOPOLOGY))
    }


@rule
def destination_rule_tls_to_outsiders(state: State) -> Iterator[Sign]:
    for reading in _rules(state):
        tls = reading.traffic_policy.tls
        outside = [pod for pod in _pods(state, reading) if pod.mesh is not Mesh.ISTIO]
        if tls and tls.mode == "ISTIO_MUTUAL" and outside:
            yield seen(tls, "mode", workload=outside[0].workload)


@rule
def destination_rule_system_authorities(state: State) -> Iterator[Sign]:
    for reading in _rules(state):
        of_selected = reading.workload_selector is not None
        for policy in reading.policies:
            tls = policy.tls
            if tls is None or tls.mode not in ("SIMPLE", "MUTUAL") or tls.skips_verification:
                continue
            if not (tls.ca_certificates or (tls.credential_name and of_selected)):
                yield seen(tls, mode=tls.mode, host=reading.host)


@rule
def destination_rule_unverified_server(state: State) -> Iterator[Sign]:
    for reading in _rules(state):
        for policy in reading.policies:
            if policy.tls is not None and policy.tls.skips_verification:
                yield seen(policy.tls, "insecureSkipVerify", host=reading.host)


@per_state
def _rules(state: State) -> tuple[DestinationRule, ...]:
    return tuple(map(DestinationRule.kept, state.all(*KIND)))


def _pods(state: State, reading: DestinationRule) -> list[Pod]:
    """The pods of the Services that a DestinationRule is for by name."""
    services = hosts(state).covering(reading.full_host.lower())
    return [pod for host in services for pod in behind(state, host.origin)]
