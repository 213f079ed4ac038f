"""Affinity, zones and rates: what holds for several requests is a part of the answer."""

from __future__ import annotations

import pytest

from harness.analysis.compare import compare
from tests.compare.test_comparison import estate
from tests.model.clusters import ISTIO, LINKERD, resource


def rule(balancer: str):
    return resource(
        "DestinationRule", "shop/web", f"{{host: web, trafficPolicy: {{loadBalancer: {balancer}}}}}"
    )


def hashed(by: str):
    return rule(f"{{consistentHash: {by}}}")


def rated(number: int):
    target = "{group: policy.linkerd.io, kind: Server, name: web}"
    server = "{podSelector: {matchLabels: {app: web}}, port: 8080, accessPolicy: all-unauthenticated}"
    spec = f"{{targetRef: {target}, total: {{requestsPerSecond: {number}}}}}"
    return [
        resource("Server", "shop/web", server),
        resource("HTTPLocalRateLimitPolicy", "shop/web", spec, "policy.linkerd.io/v1alpha1"),
    ]


CASES = {
    "another header": (ISTIO, [hashed("{httpHeaderName: a}")], [hashed("{httpHeaderName: b}")], "affinity"),
    "no hash any more": (ISTIO, [hashed("{useSourceIp: true}")], [], "affinity"),
    "another cookie": (
        ISTIO,
        [hashed("{httpCookie: {name: a, ttl: 0s}}")],
        [hashed("{httpCookie: {name: a, ttl: 1h}}")],
        "response_headers",
    ),
    "other shares of zones": (
        ISTIO,
        [rule("{localityLbSetting: {distribute: [{from: a/*, to: {a/*: 70, b/*: 30}}]}}")],
        [rule("{localityLbSetting: {distribute: [{from: a/*, to: {a/*: 80, b/*: 20}}]}}")],
        "zones",
    ),
    "another rate": (LINKERD, rated(100), rated(200), "rates"),
    "no rate any more": (LINKERD, rated(100), rated(100)[:1], "rates"),
}


@pytest.mark.parametrize(("mesh", "before", "after", "part"), CASES.values(), ids=CASES)
def test_a_change_of_what_holds_for_several_is_seen(mesh, before, after, part):
    differences = compare(estate(mesh, *before), estate(mesh, *after)).differences
    assert {part} == {part for each in differences for part in each.parts}
    assert not compare(estate(mesh, *before), estate(mesh, *before)).differences


def test_a_change_of_outlier_detection_is_seen():
    def detecting(number: int):
        policy = f"{{outlierDetection: {{consecutive5xxErrors: {number}, maxEjectionPercent: 100}}}}"
        return resource("DestinationRule", "shop/web", f"{{host: web, trafficPolicy: {policy}}}")

    differences = compare(estate(ISTIO, detecting(5)), estate(ISTIO, detecting(7))).differences
    assert differences
    assert all("consecutive5xxErrors 7" in str(each.after) for each in differences)
    assert not compare(estate(ISTIO, detecting(5)), estate(ISTIO, detecting(5))).differences
