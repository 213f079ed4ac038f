"""Istio's ingress gateway under Linkerd: it routes as before, and sends on through Linkerd's proxy."""

from __future__ import annotations

import pytest

from harness.analysis.translate import translate
from harness.ground.model import ModelProvider
from harness.model import changes
from harness.model.istio.control_plane import IstioControlPlane
from tests.model.clusters import ISTIO, LINKERD, app, cluster, resource, send, told

GATEWAY = "istio-system/istio-ingressgateway"
INGRESS = "http://istio-ingressgateway.istio-system/"
DOOR = resource(
    "Gateway",
    "lnk/door",
    '{selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]}',
)
ROUTES = [
    resource("VirtualService", f"lnk/{name}", f"{{hosts: [{name}.test], gateways: [door], http: [{{route: [{{destination: {{host: {host}}}}}]}}]}}")
    for name, host in (("new", "new.lnk.svc.cluster.local"), ("old", "old.ist.svc.cluster.local"), ("bare", "web.bare.svc.cluster.local"))
]  # fmt: skip
STRICT = resource("PeerAuthentication", "ist/strict", "{mtls: {mode: STRICT}}", api="security.istio.io/v1")
ACCOUNT = "istio-ingressgateway-service-account"
IDENTITY = f"{ACCOUNT}.istio-system.serviceaccount.identity.linkerd.cluster.local"
SERVER = resource("Server", "lnk/new", "{podSelector: {matchLabels: {app: new}}, port: 8080}")


def allowed(account: str):
    return [
        SERVER,
        resource(
            "MeshTLSAuthentication",
            "lnk/door",
            f"{{identities: [{account}.istio-system.serviceaccount.identity.linkerd.cluster.local]}}",
        ),
        resource(
            "AuthorizationPolicy",
            "lnk/door",
            "{targetRef: {group: policy.linkerd.io, kind: Server, name: new}, requiredAuthenticationRefs: "
            "[{group: policy.linkerd.io, kind: MeshTLSAuthentication, name: door}]}",
            api="policy.linkerd.io/v1alpha1",
        ),
    ]


def world(*objects, meshed=True):
    """A cluster with the gateway as it is installed, or patched as the translation of its Gateway says."""
    provider = ModelProvider()
    provider.state = changes.apply(
        cluster(ISTIO, LINKERD),
        [
            *app("bare/client", "curlimages/curl"),
            *app("bare/web", "l5d/echo:v1", 8080),
            *app("ist/old", "l5d/echo:v1", 8080),
            *app("lnk/new", "l5d/echo:v1", 8080),
            *ROUTES,
            DOOR,
            *objects,
        ],
    )
    if meshed:
        (patch,) = translate([DOOR]).patches
        provider.patch(patch)
    return provider.state


# What else there is, whether Linkerd meshes the gateway, the host; then the answer and the last hop
CASES = {
    "to Linkerd": ([], True, "new.test", "200 from lnk/new", f"mutual TLS by linkerd as {IDENTITY}"),
    "to Linkerd, not meshed": ([], False, "new.test", "200 from lnk/new", "plaintext"),
    "to Istio": ([STRICT], True, "old.test", "200 from ist/old", f"mutual TLS by istio as spiffe://cluster.local/ns/istio-system/sa/{ACCOUNT}"),
    "to no mesh": ([], True, "bare.test", "200 from bare/web", "plaintext"),
    "let in by Linkerd": (allowed(ACCOUNT), True, "new.test", "200 from lnk/new", f"mutual TLS by linkerd as {IDENTITY}"),
    "another let in by Linkerd": (allowed("other"), True, "new.test", "403", f"mutual TLS by linkerd as {IDENTITY}"),
    "let in by Linkerd, not meshed": (allowed(ACCOUNT), False, "new.test", "403", "plaintext"),
    "no route": ([], True, "else.test", "404", "plaintext"),
}  # fmt: skip


@pytest.mark.parametrize(("objects", "meshed", "host", "answer", "hop"), CASES.values(), ids=CASES)
def test_what_comes_in(objects, meshed, host, answer, hop):
    outcomes = send(world(*objects, meshed=meshed), "bare/client", INGRESS, host=host)
    assert told(outcomes) == {answer: 1}
    (group,) = outcomes.groups
    assert str(group.outcome.hop) == hop


def test_the_installed_gateway_can_be_patched_as_a_real_one():
    (deployment,) = [one for one in IstioControlPlane().installed if str(one) == f"Deployment {GATEWAY}"]
    (container,) = deployment.data["spec"]["template"]["spec"]["containers"]
    assert container["name"] == "istio-proxy"
    (pod,) = world().pods_of(next(w for w in world().running if str(w) == GATEWAY))
    assert [proxy.mesh for proxy in pod.proxies] == [LINKERD]
    assert pod.gateway


@pytest.mark.parametrize(
    ("skipped", "answer"), [("8080", "200 from lnk/new"), ("8443", "403")], ids=["skipped", "not skipped"]
)
def test_clients_come_round_its_proxy_where_the_port_is_skipped(skipped, answer):
    marks = {
        "config.linkerd.io/default-inbound-policy": "deny",
        "config.linkerd.io/skip-inbound-ports": skipped,
    }
    state = changes.mark(world(), "istio-system", annotations=marks)
    state = changes.restart(state, "istio-system")
    outcomes = send(state, "bare/client", INGRESS, host="new.test")
    assert told(outcomes) == {answer: 1}
