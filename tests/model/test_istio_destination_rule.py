"""DestinationRule: which ones count, how they are joined, and what their settings do to a request."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from harness.api.refusal import Refused
from harness.base.errors import NotModelledError
from harness.model import changes
from harness.traffic.between import Between
from tests.model.clusters import ISTIO, app, cluster, deployment, resource, send, told


def version(name):
    pod = {
        "containers": [
            {"name": "e", "image": "l5d/echo:v1", "ports": [{"name": "http", "containerPort": 8080}]}
        ]
    }
    return deployment(f"ist/{name}", pod, {"labels": {"app": "echo", "version": name}})


WORLD = changes.apply(
    changes.mark(cluster(ISTIO), "other", labels={"istio-injection": "enabled"}),
    [
        *app("ist/client", "curlimages/curl"),
        *app("other/client", "curlimages/curl"),
        *app("bare/plain", "l5d/echo:v1", 8080),
        version("v1"),
        version("v2"),
        resource(
            "Service",
            "ist/echo",
            "{selector: {app: echo}, ports: [{name: http, port: 80, targetPort: 8080}, {name: http-b, port: 81, targetPort: 8080}]}",
        ),
        resource(
            "VirtualService",
            "ist/v",
            "{hosts: [echo.ist.svc.cluster.local], http: [{route: [{destination: {host: echo.ist.svc.cluster.local, subset: s}}]}]}",
        ),
    ],
)
FQDN = "echo.ist.svc.cluster.local"


def rule(name, spec, host=FQDN):
    return resource("DestinationRule", name, f"{{host: '{host}', {spec}}}")


def subset(version, more=""):
    return f"subsets: [{{name: s, labels: {{version: {version}}}{more}}}]"


def mesh(text):
    made = resource("ConfigMap", "istio-system/istio")
    return replace(made, data={**made.data, "data": {"mesh": text}})


V1, V2, NOWHERE = {"200 from ist/v1": 1}, {"200 from ist/v2": 1}, {"503": 1}
TO_CLIENT = "workloadSelector: {matchLabels: {app: client}}"
TO_NOBODY = "workloadSelector: {matchLabels: {app: nobody}}"


@pytest.mark.parametrize(
    ("batches", "ist", "other"),
    [
        ([], NOWHERE, NOWHERE),
        ([[rule("ist/a", subset("v1"))]], V1, V1),
        ([[rule("ist/a", subset("v1"), "echo")]], V1, V1),
        ([[rule("other/a", subset("v1"))]], NOWHERE, V1),
        ([[rule("istio-system/a", subset("v1"))]], V1, V1),
        ([[rule("third/a", subset("v1"))]], NOWHERE, NOWHERE),
        # The client's namespace comes before the Service's, that before the root namespace.
        ([[rule("ist/a", subset("v1")), rule("other/a", subset("v2"))]], V1, V2),
        ([[rule("ist/a", subset("v1")), rule("istio-system/a", subset("v2"))]], V1, V1),
        (
            [[rule("ist/a", "trafficPolicy: {tls: {mode: DISABLE}}"), rule("istio-system/a", subset("v2"))]],
            NOWHERE,
            NOWHERE,
        ),
        # A more specific host comes first, even where it is said later, or says less.
        ([[rule("ist/a", subset("v1"), "*.ist.svc.cluster.local")], [rule("ist/b", subset("v2"))]], V2, V2),
        (
            [
                [
                    rule("ist/a", subset("v1"), "*.local"),
                    rule("ist/b", subset("v2"), "*.ist.svc.cluster.local"),
                ]
            ],
            V2,
            V2,
        ),
        # Rules for one host are joined: of two subsets of a name the older counts.
        ([[rule("ist/b", subset("v2"))], [rule("ist/a", subset("v1"))]], V2, V2),
        (
            [[rule("ist/a", "trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}"), rule("ist/b", subset("v2"))]],
            V2,
            V2,
        ),
        # exportTo, and what stands for it
        ([[rule("ist/a", subset("v1") + ", exportTo: ['.']")]], V1, NOWHERE),
        ([[rule("ist/a", subset("v1") + ", exportTo: [ist]")]], V1, NOWHERE),
        ([[rule("ist/a", subset("v1") + ", exportTo: [other]")]], NOWHERE, V1),
        ([[rule("ist/a", subset("v1")), mesh("defaultDestinationRuleExportTo: ['.']")]], V1, NOWHERE),
        (
            [
                [
                    rule("ist/a", subset("v1") + ", exportTo: ['*']"),
                    mesh("defaultDestinationRuleExportTo: ['.']"),
                ]
            ],
            V1,
            V1,
        ),
        ([[rule("istio-system/a", subset("v1") + ", exportTo: ['.']")]], NOWHERE, NOWHERE),
        # What isn't exported still hides a rule for a wider host.
        (
            [
                [
                    rule("ist/a", subset("v1") + ", exportTo: [third, ist]"),
                    rule("ist/b", subset("v2"), "*.local"),
                ]
            ],
            V1,
            NOWHERE,
        ),
        # Those exported differently aren't joined.
        (
            [
                [rule("ist/a", subset("v1") + ", exportTo: ['.']")],
                [rule("ist/b", subset("v2") + ", exportTo: ['*']")],
            ],
            V2,
            V2,
        ),
        # A workload selector: for those clients of its own namespace alone.
        ([[rule("ist/a", f"{subset('v1')}, {TO_CLIENT}")]], V1, NOWHERE),
        ([[rule("ist/a", f"{subset('v1')}, {TO_NOBODY}")]], NOWHERE, NOWHERE),
        ([[rule("ist/b", subset("v2"))], [rule("ist/a", f"{subset('v1')}, {TO_CLIENT}")]], V1, V2),
        ([[rule("ist/b", subset("v2"))], [rule("ist/a", f"{subset('v1')}, {TO_NOBODY}")]], V2, V2),
        # A subset without pods
        ([[rule("ist/a", subset("v9"))]], NOWHERE, NOWHERE),
    ],
)
def test_which_rules_count(batches, ist, other):
    state = changes.mark(WORLD, "third")
    for batch in batches:
        state = changes.apply(state, batch)
    assert told(send(state, "ist/client", "http://echo/")) == ist
    assert told(send(state, "other/client", "http://echo.ist/")) == other


def hops(state, url="http://echo/"):
    return {
        bool(group.outcome.hop and group.outcome.hop.mutual)
        for group in send(state, "ist/client", url).groups
    }


TLS = "tls: {mode: %s}"
OFF, ON = TLS % "DISABLE", TLS % "ISTIO_MUTUAL"
PORT = "portLevelSettings: [{port: {number: 80}, %s}]"
LB = "loadBalancer: {simple: RANDOM}"


@pytest.mark.parametrize(
    ("policy", "of_subset", "mutual"),
    [
        ("", "", True),
        (OFF, "", False),
        ("tls: {}", "", False),
        (OFF, ON, True),
        (ON, OFF, False),
        (OFF, LB, False),
        (PORT % OFF, "", False),
        (f"{OFF}, {PORT % ON}", "", True),
        # A port's settings take the place of the level's, also where they leave something out.
        (f"{OFF}, {PORT % LB}", "", True),
        (OFF, PORT % LB, True),
        (OFF, PORT % ON, True),
        (PORT % OFF, LB, False),
        (PORT % OFF, ON, True),
        ("portLevelSettings: [{port: {number: 81}, tls: {mode: DISABLE}}]", "", True),
    ],
)
def test_inheritance(policy, of_subset, mutual):
    more = f", trafficPolicy: {{{of_subset}}}" if of_subset else ""
    general = f"trafficPolicy: {{{policy}}}, " if policy else ""
    state = changes.apply(WORLD, [rule("ist/a", general + subset("v1", more))])
    assert hops(state) == {mutual}


def test_the_first_rule_with_a_policy_gives_it():
    state = changes.apply(
        changes.apply(WORLD, [rule("ist/a", subset("v1"))]), [rule("ist/b", f"trafficPolicy: {{{OFF}}}")]
    )
    assert hops(state) == {False}


def test_without_auto_mtls_nothing_but_a_rule_begins_it():
    state = changes.apply(WORLD, [mesh("enableAutoMtls: false"), rule("ist/a", subset("v1"))])
    assert hops(state) == {False}
    assert hops(changes.apply(state, [rule("ist/a", f"trafficPolicy: {{{ON}}}, {subset('v1')}")])) == {True}


def tls_app(name, port="http"):
    container = {"name": "a", "image": "acme/server", "ports": [{"name": "https", "containerPort": 8443}]}
    return [
        deployment(name, {"containers": [container]}),
        resource(
            "Service",
            name,
            {
                "selector": {"app": name.rpartition("/")[2]},
                "ports": [{"name": port, "port": 80, "targetPort": 8443}],
            },
        ),
    ]


UNVERIFIED = "SIMPLE, insecureSkipVerify: true"
CERTIFICATE = "clientCertificate: /c, privateKey: /k"
STRICT = resource("PeerAuthentication", "ist/p", "{mtls: {mode: STRICT}}")


@pytest.mark.parametrize(
    ("host", "mode", "objects", "told_"),
    [
        ("plain.bare", "SIMPLE", [], NOWHERE),  # it speaks plain HTTP: no handshake
        ("plain.bare", f"MUTUAL, {CERTIFICATE}", [], NOWHERE),
        ("secure.bare", UNVERIFIED, tls_app("bare/secure"), {"200 from bare/secure": 1}),
        ("secure.bare", "SIMPLE, caCertificates: /c", tls_app("bare/secure"), {"200 from bare/secure": 1}),
        ("secure.ist", UNVERIFIED, tls_app("ist/secure", "web"), {"200 from ist/secure": 1}),
        ("secure.ist", "SIMPLE", [*tls_app("ist/secure", "web"), STRICT], NOWHERE),
        ("secure.ist", "SIMPLE", tls_app("ist/secure"), NOWHERE),  # its sidecar wants HTTP on that port
        ("secure.bare", "ISTIO_MUTUAL", tls_app("bare/secure"), NOWHERE),
    ],
)
def test_tls_for_the_application(host, mode, objects, told_):
    policy = rule("ist/t", f"trafficPolicy: {{tls: {{mode: {mode}}}}}", f"{host}.svc.cluster.local")
    assert told(send(changes.apply(WORLD, [*objects, policy]), "ist/client", f"http://{host}/")) == told_


EVEN = {"200 from ist/v1": Fraction(1, 2), "200 from ist/v2": Fraction(1, 2)}


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ("loadBalancer: {simple: ROUND_ROBIN}", None),
        (
            "loadBalancer: {consistentHash: {httpHeaderName: x-user}}",
            "consistentHash a hash of header x-user keeps",
        ),
        ("loadBalancer: {localityLbSetting: {failoverPriority: [a]}}", None),
        ("loadBalancer: {localityLbSetting: {enabled: false}}", None),
        ("loadBalancer: {zoneAwareLbSetting: {}}", "zoneAwareLbSetting goes by zones"),
        ("loadBalancer: {backendUtilization: {}}", "backendUtilization goes by what pods tell"),
        ("loadBalancer: {warmup: {duration: 30s}}", "warmup sends less"),
        ("outlierDetection: {consecutive5xxErrors: 3}", "outlierDetection may leave out"),
        ("connectionPool: {tcp: {maxConnections: 1}}", "connectionPool limits many requests"),
        ("retryBudget: {percent: 20}", "retryBudget limits many retries"),
    ],
)
def test_shares_and_limits(policy, said):
    state = changes.remove(WORLD, [resource("VirtualService", "ist/v")])
    outcomes = send(
        changes.apply(state, [rule("ist/a", f"trafficPolicy: {{{policy}}}")]), "ist/client", "http://echo/"
    )
    assert told(outcomes) == EVEN
    trace = [f"{reason.field.rpartition('.')[2]} {reason.text}" for reason in outcomes.groups[0].trace]
    assert said is None or any(one.startswith(said) for one in trace)


@pytest.mark.parametrize(
    ("detection", "status", "counted"),
    [
        ("{}", 500, True),
        ("{}", 404, False),
        ("{consecutive5xxErrors: 0}", 500, False),
        ("{consecutive5xxErrors: 0, consecutiveGatewayErrors: 2}", 503, True),
        ("{consecutive5xxErrors: 0, consecutiveGatewayErrors: 2}", 500, False),
        ("{outlierDetectionHttpErrorCodes: [429]}", 429, True),
        ("{outlierDetectionHttpErrorCodes: [429]}", 500, False),
    ],
)
def test_outliers_are_counted(detection, status, counted):
    policy = f"trafficPolicy: {{outlierDetection: {detection}}}"
    state = changes.apply(WORLD, [rule("ist/a", f"{policy}, {subset('v1')}")])
    groups = send(state, "ist/client", f"http://echo/?status={status}").groups
    (group,) = [group for group in groups if group.outcome.backend]
    assert group.outcome.status == status
    assert any("counts this answer" in reason.text for reason in group.trace) is counted
    assert isinstance(group.weight, Between) is counted
    assert [str(group.outcome) for group in groups if not group.outcome.backend] == ["503"] * counted


@pytest.mark.parametrize(
    ("spec", "what"),
    [
        ("trafficPolicy: {tunnel: {targetHost: a, targetPort: 1}}", "spec.trafficPolicy.tunnel"),
        (
            "trafficPolicy: {proxyProtocol: {version: V1}, tls: {mode: DISABLE}}",
            "spec.trafficPolicy.proxyProtocol",
        ),
    ],
)
def test_not_modelled(spec, what):
    with pytest.raises(NotModelledError) as caught:
        send(changes.apply(WORLD, [rule("ist/a", f"{spec}, {subset('v1')}")]), "ist/client", "http://echo/")
    assert f"{what} isn't modelled" in str(caught.value)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("subsets: [{name: a}, {name: a}]", "duplicate subset names: a"),
        (f"{TO_CLIENT}, exportTo: ['*']", "cannot have exportTo beyond current namespace"),
        ("trafficPolicy: {tls: {mode: MUTUAL}}", "client certificate required for mutual tls"),
        ("trafficPolicy: {connectionPool: {}}", "connection pool must have at least one field"),
        (
            "trafficPolicy: {portLevelSettings: [{port: {number: 80}}]}",
            "port traffic policy must have at least",
        ),
        (
            "trafficPolicy: {outlierDetection: {consecutiveLocalOriginFailures: 2}}",
            "split external local origin errors is set to false",
        ),
        ("exportTo: [a, a]", "duplicate entries in exportTo for entry a"),
    ],
)
def test_refused(spec, words):
    with pytest.raises(Refused, match=words):
        changes.apply(WORLD, [rule("ist/a", spec)])
