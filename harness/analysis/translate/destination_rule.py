"""DestinationRule: subsets become Services of their own, outlier detection failure accrual."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.analysis.translate.finding import Severity
from harness.analysis.translate.reader import Reader
from harness.analysis.translate.route.durations import duration, written
from harness.api.kubernetes.service import Service
from harness.base.durations import seconds

if TYPE_CHECKING:
    from harness.analysis.translate.draft import Draft
    from harness.analysis.translate.estate import Host
    from harness.base.resources import Resource

GROUP = "networking.istio.io"
_ACCRUAL = "balancer.linkerd.io/failure-accrual"
_LONGEST_PAUSE = 300.0
"""Envoy's longest ejection, in seconds, unless the base is longer [Envoy: max_ejection_time]."""

Subsets = dict[tuple[str, str], "Resource | None"]
"""The Service of each subset, by full host and name; None where the host's Service isn't known."""


def translate(draft: Draft) -> Subsets:
    """Translates all DestinationRules; returns the Services that their subsets became."""
    subsets: Subsets = {}
    for resource in draft.estate.all(GROUP, "DestinationRule"):
        reader = Reader.of(resource)
        host = draft.estate.host(reader.required("host").text("host"), resource.namespace)
        for part in reader.parts("subsets"):
            name = part.required("name").text("name")
            key = (host.name, name)
            if key not in subsets:  # of several for one host the oldest counts
                subsets[key] = _service(draft, resource, part, host, name)
            _traffic_policy(draft, resource, part.part("trafficPolicy"), subsets[key])
        policy = reader.part("trafficPolicy")
        _traffic_policy(draft, resource, policy, host.service)
        for part in policy.parts("portLevelSettings"):
            part.value("port")
            _traffic_policy(draft, resource, part, None)
        draft.finish(reader)
    return subsets


def _service(draft: Draft, resource: Resource, part: Reader, host: Host, name: str) -> Resource | None:
    labels = part.labels("labels")
    if host.service is None:
        draft.report(
            Severity.LOST,
            "subset",
            resource,
            part.path,
            f"the Service of {host.name} isn't among the manifests, so its subset can't become one",
            "give the Service's manifest, too",
        )
        return None
    whole = Service.of(host.service)
    ports = [{key: value for key, value in port.data.items() if key != "nodePort"} for port in whole.ports]
    made = {"selector": {**whole.selector, **labels}, "ports": ports}
    namespace, short = host.key
    known = draft.estate.services.get((namespace, f"{short}-{name}"))
    if known is not None and _part(Service.of(known)) == made:
        return known
    return draft.add("v1", "Service", namespace, f"{short}-{name}", made, (resource, host.service))


def _part(service: Service) -> dict[str, Any]:
    """Of a Service what makes it that of a subset."""
    return {"selector": service.selector, "ports": [port.data for port in service.ports]}


def _traffic_policy(draft: Draft, resource: Resource, policy: Reader, service: Resource | None) -> None:
    """Reads of a traffic policy what Linkerd does, too; the rest is reported as unread."""
    tls = policy.part("tls")
    if tls.value("mode") == "ISTIO_MUTUAL":
        pass  # what Linkerd does anyhow
    elif "mode" in tls:
        draft.report(
            Severity.LOST,
            "tls-origination",
            resource,
            tls.at("mode"),
            "Linkerd's proxies always begin mutual TLS between meshed pods, and no other TLS",
            "let the application speak TLS itself",
        )
    balancer = policy.part("loadBalancer")
    simple = balancer.value("simple", "UNSPECIFIED")
    if simple not in ("UNSPECIFIED", "LEAST_REQUEST", "LEAST_CONN"):
        draft.report(
            Severity.CHANGED,
            "load-balancing",
            resource,
            balancer.at("simple"),
            f"Linkerd balances by latency, not by {simple}",
            "expect shares that follow latency",
        )
    if "outlierDetection" in policy:
        annotations = _failure_accrual(policy.part("outlierDetection"))
        if service is None:
            settings = ", ".join(f"{key}: {value}" for key, value in annotations.items())
            draft.report(
                Severity.LOST,
                "outlier-detection",
                resource,
                policy.at("outlierDetection"),
                "no Service among the manifests can have the annotations, or the limit is for one port",
                f"annotate the Service: {settings}",
            )
        else:
            draft.annotate(service, annotations, (resource,))
            draft.report(
                Severity.CHANGED,
                "outlier-detection",
                resource,
                policy.at("outlierDetection"),
                "Linkerd counts failures (5xx) in a row, and tries a pod again after a growing pause",
                "check the annotations of the Service",
            )


def _failure_accrual(part: Reader) -> dict[str, str]:
    """The annotations for consecutive failures [linkerd/linkerd2: policy-controller, failure accrual]."""
    limits = [
        part.integer(name)
        for name in ("consecutive5xxErrors", "consecutiveGatewayErrors", "consecutiveErrors")
    ]
    found: dict[str, Any] = {_ACCRUAL: "consecutive"}
    limit = next((one for one in limits if one), 5)  # Istio's default
    found[f"{_ACCRUAL}-consecutive-max-failures"] = str(limit)
    if pause := seconds(duration(part, "baseEjectionTime")):
        found[f"{_ACCRUAL}-consecutive-min-penalty"] = written(pause)
        # The pause grows up to the longest, which mustn't be shorter.
        found[f"{_ACCRUAL}-consecutive-max-penalty"] = written(max(pause, _LONGEST_PAUSE))
    return found
