"""DestinationRule: subsets become Services of their own, outlier detection failure accrual."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.analysis.translate.finding import Severity
from harness.analysis.translate.route.durations import written
from harness.api.istio.destination_rule import KIND, DestinationRule
from harness.api.kubernetes.service import Service

if TYPE_CHECKING:
    from harness.analysis.translate.draft import Draft
    from harness.analysis.translate.estate import Host
    from harness.api.istio.destination_rule import LevelPolicy, OutlierDetection, Subset
    from harness.base.resources import Resource

_ACCRUAL = "balancer.linkerd.io/failure-accrual"
_LONGEST_PAUSE = 300.0
"""Envoy's longest ejection, in seconds, unless the base is longer [Envoy: max_ejection_time]."""

Subsets = dict[tuple[str, str], "Resource | None"]
"""The Service of each subset, by full host and name; None where the host's Service isn't known."""


def translate(draft: Draft) -> Subsets:
    """Translates all DestinationRules; returns the Services that their subsets became."""
    subsets: Subsets = {}
    for rule in map(DestinationRule.of, draft.estate.all(*KIND)):
        host = draft.estate.host(rule.required("host").host, rule.resource.namespace)
        for subset in rule.subsets:
            key = (host.name, subset.required("name").name)
            if key not in subsets:  # of several for one host the oldest counts
                subsets[key] = _service(draft, subset, host)
            _traffic_policy(draft, subset.traffic_policy, subsets[key])
        _traffic_policy(draft, rule.traffic_policy, host.service)
        for part in rule.traffic_policy.ports:
            part.leave("port")
            _traffic_policy(draft, part, None)
        draft.finish(rule)
    return subsets


def _service(draft: Draft, subset: Subset, host: Host) -> Resource | None:
    labels = subset.labels
    if host.service is None:
        draft.report(
            Severity.LOST,
            "subset",
            subset.resource,
            subset.path,
            f"the Service of {host.name} isn't among the manifests, so its subset can't become one",
            "give the Service's manifest, too",
        )
        return None
    whole = Service.kept(host.service)
    ports = [{key: value for key, value in port.data.items() if key != "nodePort"} for port in whole.ports]
    made = {"selector": {**whole.selector, **labels}, "ports": ports}
    (namespace, short), name = host.key, subset.name
    known = draft.estate.services.get((namespace, f"{short}-{name}"))
    if known is not None and _part(Service.kept(known)) == made:
        return known
    return draft.add("v1", "Service", namespace, f"{short}-{name}", made, (subset.resource, host.service))


def _part(service: Service) -> dict[str, object]:
    """Of a Service what makes it that of a subset."""
    return {"selector": service.selector, "ports": [port.data for port in service.ports]}


def _traffic_policy(draft: Draft, policy: LevelPolicy, service: Resource | None) -> None:
    """Reads of a traffic policy what Linkerd does, too; the rest is reported as unread."""
    resource, tls, balancer = policy.resource, policy.tls, policy.load_balancer
    if tls and tls.mode != "ISTIO_MUTUAL" and tls.has("mode"):  # that one is what Linkerd does anyhow
        draft.report(
            Severity.LOST,
            "tls-origination",
            resource,
            tls.at("mode"),
            "Linkerd's proxies always begin mutual TLS between meshed pods, and no other TLS",
            "let the application speak TLS itself",
        )
    if balancer and balancer.simple not in ("UNSPECIFIED", "LEAST_REQUEST", "LEAST_CONN"):
        draft.report(
            Severity.CHANGED,
            "load-balancing",
            resource,
            balancer.at("simple"),
            f"Linkerd balances by latency, not by {balancer.simple}",
            "expect shares that follow latency",
        )
    if policy.outlier_detection is None:
        return
    annotations = _failure_accrual(policy.outlier_detection)
    if service is None:
        settings = ", ".join(f"{key}: {value}" for key, value in annotations.items())
        severity = Severity.LOST
        why = "no Service among the manifests can have the annotations, or the limit is for one port"
        todo = f"annotate the Service: {settings}"
    else:
        draft.annotate(service, annotations, (resource,))
        severity = Severity.CHANGED
        why = "Linkerd counts failures (5xx) in a row, and tries a pod again after a growing pause"
        todo = "check the annotations of the Service"
    draft.report(severity, "outlier-detection", resource, policy.outlier_detection.path, why, todo)


def _failure_accrual(part: OutlierDetection) -> dict[str, str]:
    """The annotations for consecutive failures [linkerd/linkerd2: policy-controller, failure accrual]."""
    limits = (part.server_errors, part.gateway_errors, part.errors)
    limit = next((one for one in limits if one), 5)  # Istio's default
    found = {_ACCRUAL: "consecutive", f"{_ACCRUAL}-consecutive-max-failures": str(limit)}
    base = part.base_ejection_time or 0
    if pause := written(base):
        found[f"{_ACCRUAL}-consecutive-min-penalty"] = pause
        # The pause grows up to the longest, which mustn't be shorter.
        found[f"{_ACCRUAL}-consecutive-max-penalty"] = written(max(base, _LONGEST_PAUSE))
    return found
