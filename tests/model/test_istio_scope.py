"""Sidecar and exportTo: what a client's sidecar is told of, and what it makes of the rest."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.api.refusal import Refused
from harness.base.errors import NotModelledError
from harness.model import changes
from harness.model.istio.registry import service as registry
from tests.model.clusters import ISTIO, app, cluster, resource, send, told

WORLD = changes.apply(
    changes.mark(
        changes.mark(cluster(ISTIO), "other", labels={"istio-injection": "enabled"}),
        "third",
        labels={"istio-injection": "enabled"},
    ),
    [
        *app("ist/client", "curlimages/curl"),
        *app("other/client", "curlimages/curl"),
        *app("ist/v1", "l5d/echo:v1", 8080),
        *app("other/v1", "l5d/echo:v1", 8080),
        *app("other/v2", "l5d/echo:v1", 8080),
        *app("third/v3", "l5d/echo:v1", 8080),
        resource(
            "Service",
            "other/odd",
            "{selector: {app: v2}, ports: [{name: web, port: 81, targetPort: 8080}]}",
        ),
        resource("PeerAuthentication", "third/strict", "{mtls: {mode: STRICT}}"),
    ],
)


def sidecar(egress, name="ist/s", **more):
    rest = "".join(f", {key}: {value}" for key, value in more.items())
    return resource("Sidecar", name, f"{{egress: [{{hosts: {egress}}}]{rest}}}")


def mesh(text):
    made = resource("ConfigMap", "istio-system/istio")
    return replace(made, data={**made.data, "data": {"mesh": text}})


ONLY = "{mode: REGISTRY_ONLY}"
SELECTED = "{labels: {app: client}}"
UNSELECTED = "{labels: {app: v1}}"
V1 = {"200 from ist/v1": 1}
V2, RESET = {"200 from other/v2": 1}, {"connection reset (curl 56)": 1}
# A sidecar in ALLOW_ANY still reaches what it isn't told of: as plaintext, without any rule.
STRICT_RESET = {"503": 1}


@pytest.mark.parametrize(
    ("objects", "url", "told_"),
    [
        ([], "http://v2.other/", V2),
        ([sidecar("['./*']", outboundTrafficPolicy=ONLY)], "http://v2.other/", {"502": 1}),
        ([sidecar("['./*']", outboundTrafficPolicy=ONLY)], "http://v1/", {"200 from ist/v1": 1}),
        ([sidecar("['./*']", outboundTrafficPolicy=ONLY)], "http://odd.other:81/", RESET),
        ([sidecar("['./*']")], "http://v2.other/", V2),
        ([sidecar("['./*']")], "http://v3.third/", STRICT_RESET),
        ([sidecar("['./*', 'third/*']")], "http://v3.third/", {"200 from third/v3": 1}),
        ([sidecar("['*/*']", outboundTrafficPolicy=ONLY)], "http://v2.other/", V2),
        ([sidecar("['other/*']", outboundTrafficPolicy=ONLY)], "http://v2.other/", V2),
        ([sidecar("[other/v2.other.svc.cluster.local]", outboundTrafficPolicy=ONLY)], "http://v2.other/", V2),
        (
            [sidecar("[other/v1.other.svc.cluster.local]", outboundTrafficPolicy=ONLY)],
            "http://v2.other/",
            {"502": 1},
        ),
        ([sidecar("['*/*.other.svc.cluster.local']", outboundTrafficPolicy=ONLY)], "http://v2.other/", V2),
        ([sidecar("['*/*', '~other/*']", outboundTrafficPolicy=ONLY)], "http://v2.other/", {"502": 1}),
        ([sidecar("['~/*']", outboundTrafficPolicy=ONLY)], "http://v1/", RESET),
        ([sidecar("['~/*']")], "http://v1/", {"200 from ist/v1": 1}),
        (
            [sidecar("['./*']", outboundTrafficPolicy=ONLY, workloadSelector=SELECTED)],
            "http://v2.other/",
            {"502": 1},
        ),
        (
            [sidecar("['./*']", outboundTrafficPolicy=ONLY, workloadSelector=UNSELECTED)],
            "http://v2.other/",
            V2,
        ),
        (
            [
                sidecar("['./*']", outboundTrafficPolicy=ONLY),
                sidecar("['*/*']", "ist/t", workloadSelector=SELECTED),
            ],
            "http://v2.other/",
            V2,
        ),
        ([sidecar("['./*']", "istio-system/s", outboundTrafficPolicy=ONLY)], "http://v2.other/", {"502": 1}),
        (
            [sidecar("['./*']", "istio-system/s", outboundTrafficPolicy=ONLY)],
            "http://v1/",
            {"200 from ist/v1": 1},
        ),
        (
            [sidecar("['./*']", "istio-system/s", outboundTrafficPolicy=ONLY), sidecar("['*/*']")],
            "http://v2.other/",
            V2,
        ),
        ([sidecar("['./*']", outboundTrafficPolicy="{}")], "http://v2.other/", {"502": 1}),
        (
            [
                sidecar("['./*']", outboundTrafficPolicy="{mode: ALLOW_ANY}"),
                mesh(f"outboundTrafficPolicy: {ONLY}"),
            ],
            "http://v2.other/",
            V2,
        ),
    ],
)
def test_sidecar(objects, url, told_):
    assert told(send(changes.apply(WORLD, objects), "ist/client", url)) == told_


ABORT = "{{hosts: [v2.other.svc.cluster.local], http: [{{fault: {{abort: {{httpStatus: 418, percentage: {{value: 100}}}}}}, route: [{{destination: {{host: v2.other.svc.cluster.local}}}}]}}]{}}}"


def rules(more="", name="other/v"):
    return resource("VirtualService", name, ABORT.format(more))


def annotated(text):
    made = app("other/v2", "l5d/echo:v1", 8080)[1]
    metadata = {**made.data["metadata"], "annotations": {"networking.istio.io/exportTo": text}}
    return replace(made, data={**made.data, "metadata": metadata})


TEAPOT = {"418": 1}
DISABLED = "outboundTrafficPolicy: {mode: REGISTRY_ONLY}"


@pytest.mark.parametrize(
    ("objects", "told_"),
    [
        ([rules()], TEAPOT),
        ([rules(", exportTo: ['.']")], V2),
        ([rules(", exportTo: [ist]")], TEAPOT),
        ([rules(), mesh("defaultVirtualServiceExportTo: ['.']")], V2),
        ([rules(", exportTo: ['*']"), mesh("defaultVirtualServiceExportTo: ['.']")], TEAPOT),
        ([rules(), sidecar("['./*']")], V2),
        ([rules(), sidecar("['./*', 'other/*']")], TEAPOT),
        # The rules' host is known then, but not the Service with its short names.
        ([rules(name="ist/v"), sidecar("['./*']")], V2),
        ([annotated("."), mesh(DISABLED)], {"502": 1}),
        ([annotated("ist, third"), mesh(DISABLED)], V2),
        ([annotated("~"), mesh(DISABLED)], {"502": 1}),
        ([annotated(".")], V2),
        ([mesh(DISABLED + "\ndefaultServiceExportTo: ['.']")], {"502": 1}),
        ([mesh(DISABLED + "\ndefaultServiceExportTo: ['.']"), annotated("*")], V2),
    ],
)
def test_who_sees_what(objects, told_):
    assert told(send(changes.apply(WORLD, objects), "ist/client", "http://v2.other/")) == told_


def test_rules_of_its_own_for_a_host_that_is_not_imported():
    state = changes.apply(WORLD, [rules(name="ist/v"), sidecar("['./*']")])
    assert told(send(state, "ist/client", "http://v2.other.svc.cluster.local/")) == TEAPOT


def test_a_destination_needs_no_import():
    split = "{hosts: [v1], http: [{route: [{destination: {host: v2.other.svc.cluster.local}}]}]}"
    state = changes.apply(
        WORLD, [sidecar("['./*']", outboundTrafficPolicy=ONLY), resource("VirtualService", "ist/v", split)]
    )
    assert told(send(state, "ist/client", "http://v1/")) == V2


def test_a_destination_must_be_exported():
    split = "{hosts: [v1], http: [{route: [{destination: {host: v2.other.svc.cluster.local}}]}]}"
    state = changes.apply(WORLD, [annotated("."), resource("VirtualService", "ist/v", split)])
    assert told(send(state, "ist/client", "http://v1/")) == {"503": 1}


def test_the_trace_names_the_sidecar_and_its_policy():
    state = changes.apply(WORLD, [sidecar("['./*']", outboundTrafficPolicy=ONLY)])
    (group,) = send(state, "ist/client", "http://v2.other/").groups
    said = [(reason.subject, reason.field, reason.passed_over) for reason in group.trace]
    assert ("Sidecar ist/s", "spec.egress", True) in said
    assert ("Sidecar ist/s", "spec.outboundTrafficPolicy.mode", False) in said


@pytest.mark.parametrize(
    ("spec", "what"),
    [
        (
            "{ingress: [{port: {number: 80}, defaultEndpoint: 'unix:///a'}]}",
            "spec.ingress[0].defaultEndpoint",
        ),
        (
            "{egress: [{port: {number: 80, protocol: HTTP_PROXY}, hosts: ['./*']}]}",
            "spec.egress[0].port.protocol",
        ),
    ],
)
def test_not_modelled(spec, what):
    with pytest.raises(NotModelledError) as caught:
        changes.apply(WORLD, [resource("Sidecar", "ist/s", spec)])
    assert f"Sidecar ist/s {what} isn't modelled" in str(caught.value)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("{}", "sidecar: empty configuration provided"),
        ("{egress: [{hosts: []}]}", "sidecar: egress listener must contain at least one host"),
        ("{egress: [{hosts: [v1]}]}", "must be of form namespace/dnsName"),
        ("{egress: [{hosts: ['./*']}, {hosts: ['*/*']}]}", "should be the last listener"),
    ],
)
def test_refused(spec, words):
    with pytest.raises(Refused, match=words):
        changes.apply(WORLD, [resource("Sidecar", "ist/s", spec)])


def listening(ingress, **more):
    """A Sidecar for the pods of v1, with these inbound listeners."""
    rest = "".join(f", {key}: {value}" for key, value in more.items())
    spec = f"{{workloadSelector: {{labels: {{app: v1}}}}, ingress: [{ingress}]{rest}}}"
    return resource("Sidecar", "ist/in", spec)


ANYBODY = '{rules: [{to: [{operation: {methods: ["GET"]}}]}]}'


@pytest.mark.parametrize(
    ("ingress", "told_"),
    [
        ("{port: {number: 8080, protocol: HTTP, name: http}}", V1),
        ("{port: {number: 8080, protocol: HTTP, name: http}, defaultEndpoint: '127.0.0.1:8080'}", V1),
        ("{port: {number: 9999, protocol: HTTP, name: http}, defaultEndpoint: ':8080'}", V1),
        (
            "{port: {number: 8080, protocol: HTTP, name: http}, defaultEndpoint: '0.0.0.0:1'}",
            {"503": 1},
        ),
        # The Service says HTTP, the Sidecar TCP: policies see bytes.
        ("{port: {number: 8080, protocol: TCP, name: tcp}}", {"503": 1}),
        ("{port: {number: 9999, protocol: TCP, name: tcp}}", V1),
    ],
)
def test_inbound_listeners_come_in_the_place_of_services(ingress, told_):
    allow = resource("AuthorizationPolicy", "ist/a", ANYBODY, "security.istio.io/v1")
    state = changes.apply(WORLD, [listening(ingress), allow])
    assert told(send(state, "ist/client", "http://v1/")) == told_


@pytest.mark.parametrize(
    ("url", "headers", "told_"),
    [
        ("http://v1/", {}, V1),
        ("http://v2.other/", {}, {"502": 1}),
        ("http://v1/", {"host": "v2.other"}, {"502": 1}),
        ("http://plain.other:81/", {}, {"200 from other/v2": 1}),
    ],
)
def test_a_port_of_its_own_has_its_own_hosts(url, headers, told_):
    own = (
        "{egress: [{port: {number: 80, protocol: HTTP, name: http}, hosts: ['./*']}, {hosts: ['*/*']}], "
        "outboundTrafficPolicy: {mode: REGISTRY_ONLY}}"
    )
    more = resource(
        "Service",
        "other/plain",
        "{selector: {app: v2}, ports: [{name: http, port: 81, targetPort: 8080}]}",
    )
    state = changes.apply(WORLD, [resource("Sidecar", "ist/s", own), more])
    assert told(send(state, "ist/client", url, **headers)) == told_


def entry(namespace, host, rest=""):
    ports = "[{number: 80, name: http, protocol: HTTP}, {number: 9000, name: tcp, protocol: TCP}]"
    spec = f"{{hosts: ['{host}'], ports: {ports}, resolution: STATIC, endpoints: [{{address: 192.0.2.{len(namespace)}}}]{rest}}}"
    return resource("ServiceEntry", f"{namespace}/e", spec)


VIEWS = {
    "nothing is said": [],
    "for one's own": [annotated(".")],
    "for nobody": [annotated("~")],
    "for some": [annotated("ist, third")],
    "a host of two namespaces": [entry("ist", "x.example"), entry("other", "x.example")],
    "an entry for a Service's host": [entry("third", "v2.other.svc.cluster.local")],
    "an entry for some": [entry("other", "x.example", ", exportTo: [third]"), entry("ist", "*.example")],
    "a Sidecar for all": [sidecar("['./*', 'other/*']", "istio-system/s")],
}


@pytest.mark.parametrize("objects", VIEWS.values(), ids=VIEWS)
def test_namespaces_share_what_they_see_alike(monkeypatch, objects):
    """Tables of services are made once for namespaces of which no object says anything."""
    state = changes.apply(WORLD, [*app("third/client", "curlimages/curl"), *objects])
    hosts = ("v1", "v2", "v2.other", "v2.other.svc", "v3.third.svc.cluster.local", "x.example")
    calls = [
        (f"{namespace}/client", f"http://v2.other:{port}/", host)
        for namespace in ("ist", "other", "third")
        for port in (80, 9000)
        for host in hosts
    ]

    def answers():
        state.lookups.clear()
        return [told(send(state, source, url, host=host)) for source, url, host in calls]

    shared = answers()
    monkeypatch.setattr(registry, "view", lambda _, namespace: namespace)
    assert answers() == shared
