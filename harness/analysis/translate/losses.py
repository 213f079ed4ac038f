"""Fields that Linkerd and the Gateway API have nothing for: why, and what to do instead."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.analysis.translate.finding import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.api.node import Node

_LOST, _CHANGED, _CHECK = Severity.LOST, Severity.CHANGED, Severity.CHECK


@dataclass(frozen=True)
class Loss:
    """What is to be said about a field that isn't carried over."""

    topic: str
    why: str
    todo: str
    severity: Severity = _LOST


_DETECTION = "Linkerd's failure accrual counts failures in a row, one limit for all kinds"
_POOL = "Linkerd bounds neither connections nor pending requests for each Service"
_JWT = "Linkerd doesn't look into tokens"
_JWT_TODO = "check tokens in the application or at the ingress"

_FIELDS: dict[str, Loss] = {
    "VirtualService spec.exportTo": Loss(
        "export", "a route acts on its namespace's clients or on all", "check who calls this host", _CHANGED
    ),
    "VirtualService spec.http.fault": Loss(
        "fault-injection",
        "Linkerd's proxies inject no faults",
        "split a share of the traffic to a Service that fails or is slow",
    ),
    **dict.fromkeys(
        (
            f"VirtualService spec.http.{field}"
            for field in ("mirror", "mirrors", "mirrorPercentage", "mirrorPercent")
        ),
        Loss("mirror", "Linkerd ignores a route with a RequestMirror filter", "mirror at the ingress"),
    ),
    "VirtualService spec.http.corsPolicy": Loss(
        "cors", "Linkerd's routes have no CORS filter", "answer CORS in the application or at the ingress"
    ),
    "VirtualService spec.http.rewrite": Loss(
        "rewrite",
        "Linkerd ignores a route with a URLRewrite filter: the request goes on unchanged",
        "let the application take the original path and host, or rewrite at the ingress",
    ),
    "VirtualService spec.http.headers": Loss("headers", "routes can't say this change", "check the headers"),
    "VirtualService spec.http.match.statPrefix": Loss(
        "telemetry", "Linkerd names metrics after routes", "change dashboards", _CHANGED
    ),
    "VirtualService spec.http.retries.retryRemoteLocalities": Loss(
        "retries", "Linkerd's balancer picks the pod of a retry", "", _CHANGED
    ),
    "VirtualService spec.http.retries.retryIgnorePreviousHosts": Loss(
        "retries", "Linkerd's balancer picks the pod of a retry", "", _CHANGED
    ),
    "VirtualService spec.http.retries.backoff": Loss(
        "retries", "Linkerd retries without a pause", "lower the limit of retries", _CHANGED
    ),
    "DestinationRule spec.exportTo": Loss(
        "export", "Linkerd's Services and annotations act on all clients", "check who calls it", _CHANGED
    ),
    "DestinationRule spec.workloadSelector": Loss(
        "export", "Linkerd's Services and annotations act on all clients", "check who calls it", _CHANGED
    ),
    **{
        f"DestinationRule {path}.{field}": loss
        for path in (
            "spec.trafficPolicy",
            "spec.trafficPolicy.portLevelSettings",
            "spec.subsets.trafficPolicy",
            "spec.subsets.trafficPolicy.portLevelSettings",
        )
        for field, loss in {
            "connectionPool": Loss("connection-pool", _POOL, "limit load in the application"),
            "loadBalancer": Loss(
                "load-balancing",
                "Linkerd balances by latency, without affinity",
                "keep sessions outside the pods",
            ),
            "outlierDetection": Loss("outlier-detection", _DETECTION, "check the annotations", _CHANGED),
            "tls": Loss(
                "tls-origination",
                "Linkerd's proxies begin mutual TLS between meshed pods, and no other TLS",
                "let the application speak TLS itself",
            ),
            "tunnel": Loss("tunnel", "Linkerd's proxies open no tunnels", ""),
            "proxyProtocol": Loss("proxy-protocol", "Linkerd's proxies send no PROXY header", ""),
            "retryBudget": Loss("retries", "routes have no retry budget", "use a ServiceProfile"),
        }.items()
    },
    "AuthorizationPolicy spec.provider": Loss(
        "external-authorization", "Linkerd asks no external authorizer", "authorize at the ingress"
    ),
    "AuthorizationPolicy spec.rules.from.source.requestPrincipals": Loss("jwt", _JWT, _JWT_TODO),
    "AuthorizationPolicy spec.rules.from.source.notRequestPrincipals": Loss("jwt", _JWT, _JWT_TODO),
    "Gateway spec.servers.tls": Loss(
        "gateway-tls", "a listener can't say this", "check the listener's TLS settings"
    ),
    "ServiceEntry spec.endpoints": Loss(
        "external-workload", "Linkerd resolves outside names by DNS", "make an ExternalWorkload"
    ),
    "ServiceEntry spec.workloadSelector": Loss(
        "external-workload", "Linkerd knows no WorkloadEntries", "make an ExternalWorkload"
    ),
    "ServiceEntry spec.exportTo": Loss(
        "export", "an EgressNetwork acts on its namespace's clients, or on all", "check it", _CHANGED
    ),
    "ServiceEntry spec.resolution": Loss(
        "resolution", "Linkerd's clients resolve names themselves", "check the name's DNS", _CHECK
    ),
}

_OTHERWISE = Loss(
    "unknown-field", "nothing in Linkerd or the Gateway API does this", "check whether you need it"
)


def losses(reading: Node) -> Iterator[Finding]:
    """Yields a finding for each field of an object, or of a part of one, that nobody read."""
    for path in reading.unread():
        loss = _loss(reading.resource.kind, re.sub(r"\[\d+\]", "", path))
        yield Finding.of(loss.severity, loss.topic, reading.resource, path, loss.why, loss.todo)


def _loss(kind: str, path: str) -> Loss:
    while path:
        if found := _FIELDS.get(f"{kind} {path}"):
            return found
        path = path.rpartition(".")[0]
    return _OTHERWISE
