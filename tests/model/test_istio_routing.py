from __future__ import annotations

from fractions import Fraction

import pytest

from harness.model import changes
from tests.model.clusters import ISTIO, app, cluster, resource, send, told

WORLD = changes.apply(
    changes.mark(cluster(ISTIO), "other", labels={"istio-injection": "enabled"}),
    [
        *app("ist/client", "curlimages/curl"),
        *app("other/client", "curlimages/curl"),
        *app("bare/client", "curlimages/curl"),
        *app("ist/v1", "l5d/echo:v1", 8080),
        *app("ist/v2", "l5d/echo:v1", 8080),
        *app("ist/slow", "ghcr.io/mccutchen/go-httpbin", 8080),
        resource(
            "Service",
            "ist/sniffed",
            "{selector: {app: v1}, ports: [{name: web, port: 80, targetPort: 8080}]}",
        ),
    ],
)


def service(rules, **spec):
    rest = "".join(f", {key}: {value}" for key, value in spec.items())
    return resource("VirtualService", "ist/v", f"{{hosts: [v1], http: [{rules}]{rest}}}")


TO = {name: f"route: [{{destination: {{host: {name}}}}}]" for name in ("v1", "v2", "slow")}


@pytest.mark.parametrize(
    ("rules", "url", "told_"),
    [
        (f"{{match: [{{uri: {{prefix: /a}}}}], {TO['v2']}}}", "http://v1/abc", {"200 from ist/v2": 1}),
        (f"{{match: [{{uri: {{prefix: /a}}}}], {TO['v2']}}}", "http://v1/b", {"404": 1}),
        (
            f"{{match: [{{uri: {{exact: /a}}}}, {{uri: {{exact: /b}}}}], {TO['v2']}}}, {{{TO['v1']}}}",
            "http://v1/b",
            {"200 from ist/v2": 1},
        ),
        (
            f"{{match: [{{uri: {{prefix: /a}}, method: {{exact: POST}}}}], {TO['v2']}}}, {{{TO['v1']}}}",
            "http://v1/a",
            {"200 from ist/v1": 1},
        ),
        (f"{{match: [{{sourceNamespace: other}}], {TO['v2']}}}", "http://v1/", {"200 from ist/v1": 1}),
        (f"{{match: [{{port: 8080}}], {TO['v2']}}}", "http://v1/", {"200 from ist/v1": 1}),
        (
            f"{{match: [{{withoutHeaders: {{x-a: {{}}}}}}], {TO['v2']}}}, {{{TO['v1']}}}",
            "http://v1/",
            {"200 from ist/v2": 1},
        ),
        (
            f"{{match: [{{sourceNamespace: other}}], {TO['v2']}}}, {{{TO['v1']}}}",
            "http://v1/",
            {"200 from ist/v1": 1},
        ),
        (
            f"{{match: [{{headers: {{x-a: {{}}}}}}], {TO['v2']}}}, {{{TO['v1']}}}",
            "http://v1/",
            {"200 from ist/v1": 1},
        ),
        (
            "{route: [{destination: {host: v1}, weight: 1}, {destination: {host: v2}, weight: 2}]}",
            "http://v1/",
            {"200 from ist/v1": "1/3", "200 from ist/v2": "2/3"},
        ),
        (f"{{fault: {{abort: {{httpStatus: 500, percentage: {{value: 0.1}}}}}}, {TO['v1']}}}", "http://v1/",
         {"500": "1/1000", "200 from ist/v1": "999/1000"}),
        (
            "{fault: {delay: {fixedDelay: 1s, percentage: {value: 50}}, "
            f"abort: {{httpStatus: 503, percentage: {{value: 50}}}}}}, {TO['v1']}}}",
            "http://v1/",
            {"503": "1/2", "200 from ist/v1": "1/2"},
        ),
        ("{route: [{destination: {host: v2, port: {number: 99}}}]}", "http://v1/", {"503": 1}),
        ("{route: [{destination: {host: v1.other.svc.cluster.local}}]}", "http://v1/", {"503": 1}),
        ("{directResponse: {status: 418, body: {string: tea}}}", "http://v1/", {"418": 1}),
        (f"{{timeout: 1s, retries: {{attempts: 2, perTryTimeout: 2s}}, {TO['slow']}}}", "http://v1/delay/5",
         {"504": 1}),
        (
            f"{{retries: {{attempts: 2, perTryTimeout: 1s, retryOn: gateway-error}}, {TO['slow']}}}",
            "http://v1/delay/5",
            {"504": 1},
        ),
        (f"{{retries: {{attempts: 1, retryOn: 5xx}}, {TO['v2']}}}", "http://v1/?flaky=4",
         {"200 from ist/v2": "1/2", "500 from ist/v2": "1/2"}),
    ],
)  # fmt: skip
def test_virtual_service(rules, url, told_):
    state = changes.apply(WORLD, [service(rules)])
    assert {k: str(v) for k, v in told(send(state, "ist/client", url)).items()} == {
        k: str(v) for k, v in told_.items()
    }


@pytest.mark.parametrize(
    ("rules", "url", "seconds"),
    [
        (f"{{timeout: 1s, {TO['slow']}}}", "http://v1/delay/5", 1.0),
        (f"{{timeout: 6s, {TO['slow']}}}", "http://v1/delay/5", 5.0),
        (
            f"{{retries: {{attempts: 2, perTryTimeout: 1s, retryOn: 5xx}}, {TO['slow']}}}",
            "http://v1/delay/5",
            3.0,
        ),
        (
            f"{{timeout: 1s, fault: {{delay: {{fixedDelay: 2s, percent: 100}}}}, {TO['slow']}}}",
            "http://v1/delay/5",
            3.0,
        ),
    ],
)
def test_time(rules, url, seconds):
    (group,) = send(changes.apply(WORLD, [service(rules)]), "ist/client", url).groups
    assert group.outcome.seconds == seconds


@pytest.mark.parametrize(
    ("rule", "url", "location"),
    [
        ("{redirect: {uri: /n}}", "http://v1/a?x=1", "http://v1/n?x=1"),
        ("{redirect: {authority: a.b}}", "http://v1:80/a", "http://a.b/a"),
        ("{redirect: {scheme: https}}", "http://v1:80/a", "https://v1/a"),
        ("{redirect: {port: 80}}", "http://v1/a", "http://v1/a"),
        ("{redirect: {port: 81}}", "http://v1:80/a", "http://v1:81/a"),
        ("{redirect: {scheme: https, port: 443}}", "http://v1/a", "https://v1/a"),
    ],
)
def test_redirect(rule, url, location):
    (group,) = send(changes.apply(WORLD, [service(rule)]), "ist/client", url).groups
    assert (group.outcome.status, group.outcome.header("location")) == (301, location)


@pytest.mark.parametrize(
    ("rule", "url", "path"),
    [
        (f"{{rewrite: {{uri: /n}}, {TO['v1']}}}", "http://v1/a?x=1", "/na?x=1"),
        (f"{{match: [{{uri: {{prefix: /a}}}}], rewrite: {{uri: /n}}, {TO['v1']}}}", "http://v1/ab", "/nb"),
        (
            f"{{match: [{{uri: {{prefix: /A}}, ignoreUriCase: true}}], rewrite: {{uri: /n}}, {TO['v1']}}}",
            "http://v1/ab",
            "/nb",
        ),
        (f"{{match: [{{uri: {{regex: /a.*}}}}], rewrite: {{uri: /n}}, {TO['v1']}}}", "http://v1/ab", "/n"),
    ],
)
def test_rewrite(rule, url, path):
    (group,) = send(changes.apply(WORLD, [service(rule)]), "ist/client", url).groups
    assert group.outcome.server_saw.path == path


@pytest.mark.parametrize(
    ("source", "url", "counts"),
    [
        ("ist/client", "http://v1/", True),
        ("other/client", "http://v1.ist/", True),
        ("other/client", "http://v1/", False),
        ("bare/client", "http://v1.ist/", False),
        ("ist/client", "http://sniffed/", False),
    ],
)
def test_whose_requests_it_is_for(source, url, counts):
    state = changes.apply(WORLD, [service(f"{{{TO['v2']}}}")])
    outcomes = send(state, source, url)
    assert ("200 from ist/v2" in told(outcomes)) is counts


def test_what_does_not_count_is_told():
    state = changes.apply(WORLD, [service(f"{{{TO['v2']}}}")])
    (group,) = send(state, "bare/client", "http://v1.ist/").groups
    lost = [reason for reason in group.trace if reason.passed_over]
    assert [(reason.subject, reason.text) for reason in lost] == [
        ("VirtualService ist/v", "doesn't count: bare/client has no proxy")
    ]


def test_private_rules_come_before_public_ones():
    public = service(f"{{{TO['v2']}}}")
    private = resource(
        "VirtualService", "ist/private", f'{{hosts: [v1], exportTo: ["."], http: [{{{TO["slow"]}}}]}}'
    )
    state = changes.apply(changes.apply(WORLD, [public]), [private])
    assert told(send(state, "ist/client", "http://v1/get")) == {"200 from ist/slow": 1}


GATEWAY = resource(
    "Gateway",
    "ist/g",
    "{selector: {istio: ingressgateway}, "
    'servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*.example", "ist/own.test"]}]}',
)
INGRESS = "http://istio-ingressgateway.istio-system/"


def bound(name, hosts, to, rules="", gateways="[g]"):
    rule = rules or f"{{{TO[to]}}}"
    return resource("VirtualService", name, f"{{hosts: {hosts}, gateways: {gateways}, http: [{rule}]}}")


@pytest.mark.parametrize(
    ("objects", "host", "told_"),
    [
        ([], "a.example", {"connection refused (curl 7)": 1}),
        ([GATEWAY], "a.example", {"404": 1}),
        ([GATEWAY, bound("ist/v", "[a.example]", "v1")], "a.example", {"200 from ist/v1": 1}),
        ([GATEWAY, bound("ist/v", "[a.example]", "v1")], "a.example:80", {"200 from ist/v1": 1}),
        ([GATEWAY, bound("ist/v", "[a.example]", "v1")], "b.example", {"404": 1}),
        ([GATEWAY, bound("ist/v", '["*"]', "v1")], "b.example", {"200 from ist/v1": 1}),
        ([GATEWAY, bound("ist/v", '["*"]', "v1")], "elsewhere", {"404": 1}),
        (
            [GATEWAY, bound("ist/v", '["*"]', "v1"), bound("ist/w", "[b.example]", "v2")],
            "b.example",
            {"200 from ist/v2": 1},
        ),
        ([GATEWAY, bound("ist/v", "[own.test]", "v1")], "own.test", {"200 from ist/v1": 1}),
        (
            [GATEWAY, bound("other/v", "[own.test]", "v1", gateways="[ist/g]")],
            "own.test",
            {"404": 1},
        ),
        (
            [
                GATEWAY,
                bound("ist/a", "[a.example]", "v1"),
                bound("ist/b", "[a.example]", "", f"{{match: [{{uri: {{prefix: /x}}}}], {TO['v2']}}}"),
            ],
            "a.example",
            {"200 from ist/v2": 1},
        ),
    ],
)
def test_ingress_gateway(objects, host, told_):
    state = changes.apply(WORLD, objects)
    for client in ("bare/client",) if not objects else ("bare/client", "ist/client"):
        assert told(send(state, client, INGRESS + "x", Host=host)) == told_


def test_a_rule_for_the_mesh_is_followed_before_the_gateway_is_reached():
    state = changes.apply(WORLD, [GATEWAY, bound("ist/v", "[a.example]", "v1", gateways="[mesh]")])
    assert told(send(state, "bare/client", INGRESS, Host="a.example")) == {"404": 1}
    assert told(send(state, "ist/client", INGRESS, Host="a.example")) == {"200 from ist/v1": 1}


def test_the_gateway_is_the_last_hops_client():
    state = changes.apply(WORLD, [GATEWAY, bound("ist/v", "[a.example]", "v1")])
    (group,) = send(state, "bare/client", INGRESS, Host="a.example").groups
    identity = "spiffe://cluster.local/ns/istio-system/sa/istio-ingressgateway-service-account"
    assert group.outcome.hop.client == identity


def test_retries_over_many_pods():
    many = resource(
        "Deployment",
        "ist/many",
        "{replicas: 40, selector: {matchLabels: {app: v1}}, template: {metadata: {labels: {app: v1}}, spec: {containers: [{name: e, "
        "image: l5d/echo:v1, ports: [{name: http, containerPort: 8080}]}]}}}",
    )
    state = changes.apply(WORLD, [many, service(f"{{retries: {{attempts: 4, retryOn: 5xx}}, {TO['v1']}}}")])
    seen = told(send(state, "ist/client", "http://v1/?status=503"))
    assert seen == {"503 from ist/many": Fraction(40, 41), "503 from ist/v1": Fraction(1, 41)}
