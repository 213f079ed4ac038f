"""Ports that Istio's sidecars are kept from."""

from __future__ import annotations

import pytest

from harness.model import changes
from tests.model.clusters import ISTIO, app, cluster, deployment, resource, send, told
from tests.model.test_apps import bodies, faces

WORLD = changes.apply(
    cluster(ISTIO), [*app("ist/client", "curlimages/curl"), *app("bare/client", "curlimages/curl")]
)
OK = "200 from ist/web"


def excluding(name, image, annotation, ports):
    marks = {f"traffic.sidecar.istio.io/{annotation}": ports} if annotation else {}
    short = name.rpartition("/")[2]
    pod = {
        "containers": [{"name": short, "image": image, "ports": [{"name": "http", "containerPort": 8080}]}]
    }
    return deployment(name, pod, {"labels": {"app": short}, "annotations": marks})


WEB = resource(
    "Service", "ist/web", "{selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}"
)
STRICT = resource("PeerAuthentication", "ist/p", "{mtls: {mode: STRICT}}")


@pytest.mark.parametrize(
    ("client", "server", "meshed", "bare"),
    [
        ("", "", OK, "connection reset (curl 56)"),
        ("80", "", "connection reset (curl 56)", "connection reset (curl 56)"),
        ("8080", "", OK, "connection reset (curl 56)"),
        ("80, 443", "8080", OK, OK),
        # The client's sidecar begins mutual TLS all the same, and the application can't read it.
        ("", "8080", "503", OK),
        ("", "80", OK, "connection reset (curl 56)"),
    ],
)
def test_excluded_ports(client, server, meshed, bare):
    state = changes.apply(
        WORLD,
        [
            excluding("ist/client", "curlimages/curl", "excludeOutboundPorts", client),
            excluding("ist/web", "l5d/echo:v1", "excludeInboundPorts", server),
            WEB,
            STRICT,
        ],
    )
    assert told(send(state, "ist/client", "http://web.ist/")) == {meshed: 1}
    assert told(send(state, "bare/client", "http://web.ist/")) == {bare: 1}


def test_who_is_asked_round_its_sidecar_asks_others_through_it():
    state = changes.apply(WORLD, [*faces("ist"), STRICT])
    face = state.get("apps", "Deployment", "ist", "face")
    (container,) = face.data["spec"]["template"]["spec"]["containers"]
    marks = {"traffic.sidecar.istio.io/excludeInboundPorts": "8000"}
    excluded = deployment("ist/face", {"containers": [container]}, {"annotations": marks})
    assert told(send(state, "bare/client", "http://face.ist/center/")) == {"connection reset (curl 56)": 1}
    shown = bodies(send(changes.apply(state, [excluded]), "bare/client", "http://face.ist/center/"))
    assert shown == {("&#x1F603;", "#66CCEE"): 1}
