from __future__ import annotations

import re

import pytest

from harness.base.errors import NotModelledError
from harness.model import changes
from tests.model.clusters import ISTIO, LINKERD, app, cluster, resource, send, told

WORLD = changes.apply(
    cluster(ISTIO, LINKERD),
    [
        *app("ist/client", "curlimages/curl"),
        *app("lnk/client", "curlimages/curl"),
        *app("bare/client", "curlimages/curl"),
        *app("ist/web", "l5d/echo:v1", 8080),
        *app("ist/color", "ghcr.io/buoyantio/faces-color", 8000),
        *app("bare/web", "l5d/echo:v1", 8080),
    ],
)
OK = "200 from ist/web"
DENIED = "403"
SECURITY = "security.istio.io/v1"


def policy(spec, name="ist/p"):
    return resource("AuthorizationPolicy", name, spec, SECURITY)


def peers(mode, name="ist/default"):
    return resource("PeerAuthentication", name, f"{{mtls: {{mode: {mode}}}}}")


def of_web(mode, port="UNSET"):
    spec = f"{{selector: {{matchLabels: {{app: web}}}}, mtls: {{mode: {mode}}}, portLevelMtls: {{8080: {{mode: {port}}}}}}}"
    return resource("PeerAuthentication", "ist/web", spec)


def tls(mode):
    return resource("DestinationRule", "ist/d", f"{{host: web, trafficPolicy: {{tls: {{mode: {mode}}}}}}}")


@pytest.mark.parametrize(
    ("objects", "client", "outcome"),
    [
        ([], "ist/client", OK),
        ([], "bare/client", OK),
        ([peers("STRICT")], "ist/client", OK),
        ([peers("STRICT")], "bare/client", "connection reset (curl 56)"),
        ([peers("STRICT")], "lnk/client", "502"),
        ([peers("STRICT", "istio-system/default")], "bare/client", "connection reset (curl 56)"),
        (
            [peers("STRICT", "istio-system/default"), peers("UNSET")],
            "bare/client",
            "connection reset (curl 56)",
        ),
        ([peers("STRICT", "istio-system/default"), peers("PERMISSIVE")], "bare/client", OK),
        ([peers("STRICT"), tls("DISABLE")], "ist/client", "503"),
        ([peers("DISABLE"), tls("ISTIO_MUTUAL")], "ist/client", "503"),
        ([tls("DISABLE")], "ist/client", OK),
        # Clients go by the namespace and the mesh: there the workload's own policy asks for what nobody begins.
        ([peers("DISABLE"), of_web("STRICT")], "ist/client", "503"),
        ([peers("DISABLE", "istio-system/default"), of_web("STRICT")], "ist/client", "503"),
        ([peers("DISABLE", "istio-system/default"), peers("UNSET"), of_web("STRICT")], "ist/client", "503"),
        ([peers("DISABLE", "istio-system/default"), of_web("PERMISSIVE")], "ist/client", OK),
        ([peers("DISABLE", "istio-system/default"), peers("STRICT")], "ist/client", OK),
        ([peers("STRICT"), of_web("DISABLE")], "ist/client", OK),
        ([peers("STRICT"), of_web("UNSET", "STRICT")], "bare/client", "connection reset (curl 56)"),
    ],
)
def test_mutual_tls(objects, client, outcome):
    assert told(send(changes.apply(WORLD, objects), client, "http://web.ist/")) == {outcome: 1}


@pytest.mark.parametrize(
    ("client", "objects", "hop"),
    [
        ("ist/client", [], "mutual TLS by istio as spiffe://cluster.local/ns/ist/sa/default"),
        ("bare/client", [], "plaintext"),
        ("lnk/client", [], "plaintext"),
        ("ist/client", [tls("DISABLE")], "plaintext"),
        ("ist/client", [peers("DISABLE")], "plaintext"),
        ("bare/client", [policy("{}")], "plaintext"),
    ],
)
def test_hop(client, objects, hop):
    (group,) = send(changes.apply(WORLD, objects), client, "http://web.ist/").groups
    assert str(group.outcome.hop) == hop


FROM = "{rules: [{from: [{source: {%s}}]}]}"
TO = "{rules: [{to: [{operation: {%s}}]}]}"
WHEN = "{rules: [{when: [{key: '%s', %s}]}]}"


@pytest.mark.parametrize(
    ("spec", "ist", "bare"),
    [
        ("{}", DENIED, DENIED),
        ("{rules: [{}]}", OK, OK),
        ("{action: DENY, rules: [{}]}", DENIED, DENIED),
        ("{action: AUDIT, rules: [{}]}", OK, OK),
        ("{action: CUSTOM, provider: {name: p}, rules: [{}]}", DENIED, DENIED),
        (
            "{action: CUSTOM, provider: {name: p}, rules: [{to: [{operation: {paths: [/x]}}]}]}",
            OK,
            OK,
        ),
        ("{selector: {matchLabels: {app: other}}}", OK, OK),
        (FROM % "principals: [cluster.local/ns/ist/sa/default]", OK, DENIED),
        (FROM % "principals: ['*/sa/default']", OK, DENIED),
        (FROM % "principals: ['*']", OK, DENIED),
        (FROM % "notPrincipals: [cluster.local/ns/ist/sa/default]", DENIED, OK),
        (FROM % "namespaces: [ist]", OK, DENIED),
        (FROM % "serviceAccounts: [default]", OK, DENIED),
        (FROM % "notServiceAccounts: [ist/default]", DENIED, OK),
        (FROM % "ipBlocks: [10.0.0.0/8]", OK, OK),
        (FROM % "ipBlocks: [192.168.0.0/16]", DENIED, DENIED),
        (FROM % "notIpBlocks: [192.168.0.0/16]", OK, OK),
        (TO % "methods: [GET]", OK, OK),
        (TO % "notMethods: [GET]", DENIED, DENIED),
        (TO % "hosts: ['web.*']", OK, OK),
        (TO % "hosts: [WEB.IST]", OK, OK),
        (TO % "ports: ['8080']", OK, OK),
        (TO % "ports: ['80']", DENIED, DENIED),
        (TO % "paths: ['/a/{*}']", OK, OK),
        (TO % "paths: ['/{**}/b']", OK, OK),
        (TO % "paths: [/a]", DENIED, DENIED),
        (WHEN % ("request.headers[x-a]", "values: ['1']"), DENIED, DENIED),
        (WHEN % ("request.headers[x-a]", "notValues: ['1']"), OK, OK),
        (WHEN % ("source.serviceAccount", "values: [ist/default]"), OK, DENIED),
        (WHEN % ("destination.port", "values: ['8080']"), OK, OK),
        (WHEN % ("request.auth.claims[iss]", "values: [a]"), DENIED, DENIED),
    ],
)
def test_authorization(spec, ist, bare):
    state = changes.apply(WORLD, [policy(spec)])
    assert told(send(state, "ist/client", "http://web.ist/a/b")) == {ist: 1}
    assert told(send(state, "bare/client", "http://web.ist/a/b")) == {bare: 1}


def test_denied_as_http_and_grpc_see_it():
    state = changes.apply(WORLD, [policy("{}")])
    (http,) = send(state, "bare/client", "http://web.ist/").groups
    assert (http.outcome.body, http.outcome.header("server")) == ("RBAC: access denied", "istio-envoy")
    (grpc,) = send(state, "ist/client", "grpc://color/ColorService/Center").groups
    assert (grpc.outcome.status, grpc.outcome.grpc_status) == (200, 7)
    assert grpc.outcome.header("grpc-message") == "RBAC: access denied"


def test_the_denying_policy_is_named():
    (group,) = send(
        changes.apply(WORLD, [policy("{action: DENY, rules: [{}]}")]), "ist/client", "http://web/"
    ).groups
    assert str(group.trace[-1]).startswith(
        "AuthorizationPolicy ist/p spec.rules[0]: matches, and the action is DENY"
    )


@pytest.mark.parametrize(
    ("objects", "match"),
    [
        ([policy(FROM % "ipBlocks: [10.244.1.0/24]")], "a part of the pods' network"),
    ],
)
def test_not_modelled(objects, match):
    with pytest.raises(NotModelledError) as caught:
        send(changes.apply(WORLD, objects), "ist/client", "http://web/")
    assert re.search(match, str(caught.value))
