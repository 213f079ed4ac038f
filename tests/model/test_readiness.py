"""Which of the kubelet's probes pass, by what stands in their way."""

from __future__ import annotations

import pytest

from harness.base.vocabulary import Workload
from harness.model import changes
from harness.model.observables import probes
from tests.model.clusters import ISTIO, LINKERD, cluster, deployment, resource

HTTP = {"httpGet": {"path": "/ready", "port": "http"}}
TLS = {"httpGet": {"path": "/ready", "port": "http", "scheme": "HTTPS"}}
TCP = {"tcpSocket": {"port": 8080}}
GRPC = {"grpc": {"port": 8080}}
EXEC = {"exec": {"command": ["true"]}}
UNKNOWN = {"httpGet": {"port": "nowhere"}}
NO_REWRITE = {"annotations": {"sidecar.istio.io/rewriteAppHTTPProbers": "false"}}
DENY = {"annotations": {"config.linkerd.io/default-inbound-policy": "deny"}}

STRICT = resource("PeerAuthentication", "ist/p", "{mtls: {mode: STRICT}}")
NOTHING = resource("AuthorizationPolicy", "ist/a", "{}", "security.istio.io/v1")
SERVER = resource("Server", "lnk/s", "{podSelector: {}, port: http}")
ROUTE = resource(
    "HTTPRoute",
    "lnk/r",
    "{parentRefs: [{group: policy.linkerd.io, kind: Server, name: s}],"
    " rules: [{matches: [{path: {type: PathPrefix, value: /}}]}]}",
    "policy.linkerd.io/v1beta3",
)
CLOSED = resource("NetworkPolicy", "bare/n", "{podSelector: {}}", "networking.k8s.io/v1")


def passing(namespace, metadata, objects, **declared):
    container = {
        "name": "web",
        "image": "unknown/web:1",
        "ports": [{"name": "http", "containerPort": 8080}],
        **declared,
    }
    labelled = {"labels": {"app": "web"}, **metadata}
    state = changes.apply(
        cluster(ISTIO, LINKERD),
        [deployment(f"{namespace}/web", {"containers": [container]}, labelled), *objects],
    )
    return {one.probe.name: one.passes for one in probes(state, Workload(namespace, "web"))}


@pytest.mark.parametrize(
    ("namespace", "metadata", "objects", "probe", "passes"),
    [
        ("bare", {}, [], HTTP, True),
        ("bare", {}, [CLOSED], HTTP, True),
        ("bare", {}, [], UNKNOWN, False),
        ("bare", {}, [], EXEC, True),
        ("ist", {}, [STRICT, NOTHING], HTTP, True),
        ("ist", {}, [STRICT, NOTHING], TCP, True),
        ("ist", {}, [STRICT, NOTHING], GRPC, True),
        ("ist", {"annotations": {"sidecar.istio.io/rewriteAppHTTPProbers": "true"}}, [STRICT], HTTP, True),
        ("ist", NO_REWRITE, [], HTTP, True),
        ("ist", NO_REWRITE, [STRICT], HTTP, False),
        ("ist", NO_REWRITE, [STRICT], EXEC, True),
        ("ist", NO_REWRITE, [STRICT], TCP, True),
        ("ist", NO_REWRITE, [NOTHING], HTTP, False),
        ("lnk", {}, [], HTTP, True),
        ("lnk", {}, [], TCP, True),
        ("lnk", DENY, [], HTTP, True),
        ("lnk", DENY, [], TCP, True),
        ("lnk", DENY, [], GRPC, False),
        ("lnk", {}, [SERVER], HTTP, True),
        ("lnk", {}, [SERVER, ROUTE], HTTP, False),
    ],
)
def test_probes(namespace, metadata, objects, probe, passes):
    assert passing(namespace, metadata, objects, readinessProbe=probe) == {"readinessProbe": passes}


def test_each_probe_is_judged_and_says_why():
    found = passing("ist", NO_REWRITE, [STRICT], livenessProbe=EXEC, readinessProbe=HTTP, startupProbe=HTTP)
    assert found == {"livenessProbe": True, "readinessProbe": False, "startupProbe": False}


def test_the_trace_names_what_refused_it():
    state = changes.apply(
        cluster(ISTIO),
        [
            deployment(
                "ist/web",
                {
                    "containers": [
                        {"name": "web", "image": "any", "readinessProbe": {"httpGet": {"port": 80}}}
                    ]
                },
                {"labels": {"app": "web"}, **NO_REWRITE},
            ),
            STRICT,
        ],
    )
    (checked,) = probes(state, Workload("ist", "web"))
    assert checked.passes is False
    (group,) = checked.outcomes.groups
    assert "PeerAuthentication ist/p" in [reason.subject for reason in group.trace]


def test_a_probe_that_a_dump_shows_rewritten():
    probe = {"httpGet": {"path": "/app-health/web/readyz", "port": 15020}}
    assert passing("ist", NO_REWRITE, [STRICT], readinessProbe=probe) == {"readinessProbe": True}
