"""DestinationRule: subsets become Services of their own, outlier detection failure accrual."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.istio.destination_rule import KIND, DestinationRule
from harness.api.kubernetes.service import Service
from harness.base.durations import written

if TYPE_CHECKING:
    from harness.analysis.translate.draft import Draft
    from harness.analysis.translate.estate import Host
    from harness.api.istio.destination_rule import LevelPolicy, OutlierDetection, Subset
    from harness.api.node import Node
    from harness.base.resources import Resource

_ACCRUAL = "balancer.linkerd.io/failure-accrual"
_LONGEST_PAUSE = 300.0
"""Envoy's longest ejection, in seconds, unless the base is longer [Envoy: max_ejection_time]."""


def translate(draft: Draft) -> None:
    """Translates all DestinationRules; the draft then has the Services that their subsets became."""
    first: dict[tuple[str, str], Resource] = {}  # of several for one host the oldest counts
    for rule in map(DestinationRule.of, draft.estate.all(*KIND)):
        host = draft.estate.host(rule.required("host").host, rule.resource.namespace)
        for subset in rule.subsets:
            key = (host.name, subset.required("name").name)
            if first.setdefault(key, rule.resource) is rule.resource:
                draft.subsets[key] = _service(draft, subset, host)
                _traffic_policy(draft, subset.traffic_policy, draft.subsets[key])
            else:
                _no_effect(draft, subset, f"{first[key]} has a subset {subset.name} of {host.name} already")
        if rule.traffic_policy and first.setdefault((host.name, ""), rule.resource) is not rule.resource:
            problem = f"{first[host.name, '']} says the traffic policy of {host.name} already"
            _no_effect(draft, rule.traffic_policy, problem)
        else:
            _traffic_policy(draft, rule.traffic_policy, host.service)
            for part in rule.traffic_policy.ports:
                part.leave("port")
                _traffic_policy(draft, part, None)
        draft.finish(rule)


def _no_effect(draft: Draft, part: Node, problem: str) -> None:
    part.leave()
    draft.report("no-effect", part, problem=problem)


def _service(draft: Draft, subset: Subset, host: Host) -> Resource | None:
    labels = subset.labels
    if host.service is None:
        draft.report("subset.unknown-service", subset, host=host.name)
        return None
    whole = Service.kept(host.service)
    ports = [{key: value for key, value in port.data.items() if key != "nodePort"} for port in whole.ports]
    made = {"selector": {**whole.selector, **labels}, "ports": ports}
    (namespace, short), name = host.key, subset.name
    if existing := draft.estate.services.get((namespace, f"{short}-{name}")):
        service = Service.kept(existing)
        if made == {"selector": service.selector, "ports": [port.data for port in service.ports]}:
            return existing
    own = draft.add("v1", "Service", namespace, f"{short}-{name}", made, (subset.resource, host.service))
    draft.report("subset", subset, service=own)
    return own


def _traffic_policy(draft: Draft, policy: LevelPolicy, service: Resource | None) -> None:
    """Reads of a traffic policy what Linkerd does, too; the rest is reported as unread."""
    tls, balancer, detection = policy.tls, policy.load_balancer, policy.outlier_detection
    if tls and tls.mode != "ISTIO_MUTUAL" and tls.has("mode"):  # that one is what Linkerd does anyhow
        draft.report("tls-origination.mode", tls, "mode")
    if balancer and balancer.simple not in ("UNSPECIFIED", "LEAST_REQUEST", "LEAST_CONN"):
        draft.report("load-balancing.simple", balancer, "simple", balancer=balancer.simple)
    if detection is None:
        return
    annotations = _failure_accrual(detection)
    if service is None:
        settings = ", ".join(f"{key}: {value}" for key, value in annotations.items())
        draft.report("outlier-detection.unplaced", detection, settings=settings)
    else:
        draft.annotate(service, annotations, (policy.resource,))
        draft.report("outlier-detection", detection)


def _failure_accrual(part: OutlierDetection) -> dict[str, str]:
    """The annotations for consecutive failures [linkerd/linkerd2: policy-controller, failure accrual]."""
    limit = part.server_errors or part.gateway_errors or part.errors or 5  # Istio's default
    annotations = {_ACCRUAL: "consecutive", f"{_ACCRUAL}-consecutive-max-failures": str(limit)}
    base = part.base_ejection_time or 0
    if pause := written(base):
        annotations[f"{_ACCRUAL}-consecutive-min-penalty"] = pause
        # The pause grows up to the longest, which mustn't be shorter.
        annotations[f"{_ACCRUAL}-consecutive-max-penalty"] = written(max(base, _LONGEST_PAUSE))
    return annotations
