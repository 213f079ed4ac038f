"""The features of Istio that objects use: names, counts, verdicts, places."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pytest

from harness.analysis.discover import Verdict, discover
from harness.manifests.files import read_manifests
from tests.discover.estates import STRICT, estate
from tests.model.clusters import deployment, resource

if TYPE_CHECKING:
    from pathlib import Path

NO, CHANGES, YES = Verdict.NO_EQUIVALENT, Verdict.CHANGES, Verdict.TRANSLATES


def route(*rules: object, hosts: tuple[str, ...] = ("web.a.svc.cluster.local",), **spec: object):
    return resource("VirtualService", "a/web", {"hosts": list(hosts), "http": list(rules), **spec})


def to(*services: str, **rule: object) -> dict[str, object]:
    targets = [{"destination": {"host": f"web.{one}.svc.cluster.local"}} for one in services]
    return {"route": targets, **rule}


def policy(kind: str, **spec: object):
    return resource(kind, "a/one", spec, "security.istio.io/v1")


# an object, a feature of it, its verdict and topic
FEATURES = {
    "fault": (
        route(to("a", fault={"delay": {"fixedDelay": "5s", "percentage": {"value": 10}}})),
        "VirtualService http[].fault.delay",
        NO,
        "fault-injection",
    ),
    "a match that no route can say": (
        route(to("a", match=[{"sourceLabels": {"app": "x"}}]), to("a")),
        "VirtualService http[].match[].sourceLabels",
        NO,
        "match",
    ),
    "headers have no names of their own": (
        route(
            to("a", match=[{"headers": {"x-user": {"exact": "jan"}, "x.dotted": {"exact": "y"}}}]), to("a")
        ),
        "VirtualService http[].match[].headers.*.exact",
        YES,
        "",
    ),
    "retries that change": (
        route(to("a", retries={"attempts": 2, "perTryTimeout": "1s", "retryOn": "5xx"})),
        "VirtualService http[].retries.perTryTimeout",
        CHANGES,
        "retries",
    ),
    "what is said of a rule is a feature": (
        route(to("a", match=[{"uri": {"prefix": "/v2"}}]), hosts=("*",), gateways=["a/in"]),
        "VirtualService http[] (string-prefix)",
        CHANGES,
        "string-prefix",
    ),
    "a value of a fixed set is part of the name": (
        resource("PeerAuthentication", "a/default", STRICT),
        "PeerAuthentication mtls.mode STRICT",
        CHANGES,
        "strict",
    ),
    "PERMISSIVE is Linkerd's default": (
        resource("PeerAuthentication", "a/default", {"mtls": {"mode": "PERMISSIVE"}}),
        "PeerAuthentication mtls.mode PERMISSIVE",
        YES,
        "",
    ),
    "an external authorizer": (
        policy("AuthorizationPolicy", action="CUSTOM", provider={"name": "x"}, rules=[{}]),
        "AuthorizationPolicy action CUSTOM",
        NO,
        "external-authorization",
    ),
    "an empty policy": (policy("AuthorizationPolicy"), "AuthorizationPolicy spec {}", YES, ""),
    "a pool": (
        resource(
            "DestinationRule",
            "a/web",
            {
                "host": "web.a.svc.cluster.local",
                "trafficPolicy": {"connectionPool": {"tcp": {"maxConnections": 1}}},
            },
        ),
        "DestinationRule trafficPolicy.connectionPool.tcp.maxConnections",
        NO,
        "connection-pool",
    ),
    "a kind that is lost": (
        resource("EnvoyFilter", "a/x", {"configPatches": [{}]}, "networking.istio.io/v1alpha3"),
        "EnvoyFilter configPatches[]",
        NO,
        "envoy-filter",
    ),
    "a kind with a schema that is lost": (
        policy("RequestAuthentication", jwtRules=[{"issuer": "me"}]),
        "RequestAuthentication jwtRules[].issuer",
        NO,
        "jwt",
    ),
    "a namespace's label": (
        resource("Namespace", "x", labels={"istio-injection": "enabled"}),
        "Namespace label istio-injection enabled",
        YES,
        "",
    ),
    "a pod's annotation that Linkerd has": (
        deployment(
            "a/x", {"containers": []}, {"annotations": {"traffic.sidecar.istio.io/excludeOutboundPorts": "9"}}
        ),
        "Pod annotation traffic.sidecar.istio.io/excludeOutboundPorts",
        YES,
        "",
    ),
    "a pod's annotation that it doesn't": (
        deployment(
            "a/x", {"containers": []}, {"annotations": {"sidecar.istio.io/interceptionMode": "TPROXY"}}
        ),
        "Pod annotation sidecar.istio.io/interceptionMode",
        NO,
        "annotation",
    ),
    "a Service's annotation": (
        resource("Service", "a/x", {}, annotations={"networking.istio.io/exportTo": "."}),
        "Service annotation networking.istio.io/exportTo",
        NO,
        "annotation",
    ),
    "a gateway that Istio's injector makes": (
        deployment("a/x", {"containers": []}, {"annotations": {"inject.istio.io/templates": "gateway"}}),
        "Pod annotation inject.istio.io/templates gateway",
        CHANGES,
        "gateway-injection",
    ),
    "a waypoint": (
        resource("Gateway", "a/w", {"gatewayClassName": "istio-waypoint"}, "gateway.networking.k8s.io/v1"),
        "Gateway.gateway.networking.k8s.io gatewayClassName istio-waypoint",
        NO,
        "gateway-class",
    ),
}


@pytest.mark.parametrize("name", FEATURES)
def test_feature(name: str):
    one, feature, verdict, topic = FEATURES[name]
    found = {each.name: each for each in discover([*estate({"a": "", "b": ""}), one]).features}
    assert feature in found, sorted(found)
    told = found[feature]
    assert (told.verdict, told.topic) == (verdict, topic)
    assert bool(told.why) is (verdict is not YES)


def test_what_is_said_of_one_field_is_not_said_of_its_neighbours():
    found = discover([*estate({"a": ""}), route(to("a", fault={"abort": {"httpStatus": 500}}))]).features
    verdicts = {each.name: each.verdict for each in found}
    assert verdicts["VirtualService http[].fault.abort"] is NO
    assert verdicts["VirtualService http[].route[].destination.host"] is YES
    assert verdicts["VirtualService hosts"] is YES


def test_every_finding_is_told():
    from harness.analysis.translate import translate

    objects = [*estate({"a": "", "b": ""}), *(one for one, *_ in FEATURES.values() if one.name != "x")]
    told = {topic for each in discover(objects).features for topic in (each.topic, *each.also)}
    topics = {finding.topic for finding in translate(objects).findings}
    assert topics
    assert topics - {"injection"} <= told


def test_of_istios_own_installation_nothing_is_a_feature():
    labels = {"operator.istio.io/component": "Pilot", "istio.io/rev": "default"}
    assert discover([resource("Service", "istio-system/istiod", {}, labels=labels)]).features == ()


def test_what_isnt_known_is_told_and_the_rest_read():
    old = resource("Adapter", "a/x", {}, "moon.istio.io/v1")
    found = discover([*estate({"a": ""}), old])
    (unread,) = found.unread
    assert "unknown API group moon.istio.io" in unread
    assert [each.name for each in found.features] == ["Namespace label istio-injection enabled"]


MANIFEST = """\
    apiVersion: networking.istio.io/v1
    kind: VirtualService
    metadata: {name: web, namespace: a}
    spec:
      hosts: [web.a.svc.cluster.local]
      http:
      - timeout: 3s
        route:
        - destination: {host: web.a.svc.cluster.local}
      - match:
        - uri: {exact: /x}
        fault:
          abort: {httpStatus: 500}
        route:
        - destination: {host: web.a.svc.cluster.local}
      - fault:
          abort: {httpStatus: 500}
        route:
        - destination: {host: web.a.svc.cluster.local}
    """


def test_counts_and_the_first_place(tmp_path: Path):
    file = tmp_path / "web.yaml"
    file.write_text(textwrap.dedent(MANIFEST))
    found = {each.name: each for each in discover([*estate({"a": ""}), *read_manifests(file)]).features}
    fault = found["VirtualService http[].fault.abort"]
    assert (fault.count, fault.affected) == (2, 2)
    assert (fault.resource, str(fault.where)) == ("VirtualService a/web", f"{file}:13:7")
    assert found["VirtualService http[].route[].destination.host"].count == 3
