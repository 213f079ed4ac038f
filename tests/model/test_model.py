from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
import yaml

import harness.cluster.objects.snapshot  # noqa: F401 - pytester forgets what a run imported, unless it was imported before
from harness.base.errors import InputError
from harness.base.vocabulary import Mesh, Workload
from harness.model import Model, Transport
from harness.traffic.request import Request
from tests.model.clusters import app, resource

APPS = [
    one
    for namespace in ("shop", "bare")
    for one in (
        *app(f"{namespace}/client", "curlimages/curl"),
        *app(f"{namespace}/web", "l5d/echo:v1", 8080),
        *app(f"{namespace}/next", "l5d/echo:v2", 8080),
    )
]
SPLIT = resource(
    "VirtualService",
    "shop/web",
    "{hosts: [web], http: [{match: [{uri: {prefix: /no}}], redirect: {uri: /}}, "
    "{route: [{destination: {host: web}, weight: 1}, {destination: {host: next}, weight: 3}]}]}",
)
DENY = resource(
    "AuthorizationPolicy",
    "shop/deny",
    "{selector: {matchLabels: {app: next}}, action: DENY, rules: [{to: [{operation: {methods: [GET]}}]}]}",
    "security.istio.io/v1",
)
STRICT = resource("PeerAuthentication", "shop/strict", "{mtls: {mode: STRICT}}")
SERVER = resource("Server", "shop/web", "{podSelector: {}, port: 8080}")
ROUTE = resource(
    "HTTPRoute",
    "shop/web",
    "{parentRefs: [{group: '', kind: Service, name: web}], rules: [{backendRefs: [{name: next, port: 80}]}]}",
)
ISTIO_ID = "spiffe://cluster.local/ns/shop/sa/default"
LINKERD_ID = "default.shop.serviceaccount.identity.linkerd.cluster.local"
MUTUAL, PLAINTEXT, REFUSED = Transport

# the mesh of shop, objects, who asks whom; each answer, the likeliest first: what comes back, how likely,
# over which transport, and which object chose the way and let it in, or not
DECISIONS = {
    "routed and denied": (
        Mesh.ISTIO,
        [SPLIT, DENY],
        ("shop", "web"),
        [
            ("403", "3/4", MUTUAL, "VirtualService shop/web", "AuthorizationPolicy shop/deny"),
            ("200 from shop/web", "1/4", MUTUAL, "VirtualService shop/web", None),
        ],
    ),
    "refused by the server": (
        Mesh.ISTIO,
        [STRICT],
        ("bare", "web.shop"),
        [("connection reset (curl 56)", "1", REFUSED, "Service shop/web", "PeerAuthentication shop/strict")],
    ),
    "answered by a proxy": (
        Mesh.ISTIO,
        [SPLIT],
        ("shop", "web/no"),
        [("301", "1", None, "VirtualService shop/web", None)],
    ),
    "without a mesh": (
        None,
        [],
        ("shop", "web.bare"),
        [("200 from bare/web", "1", PLAINTEXT, "Service bare/web", None)],
    ),
    "Linkerd": (
        Mesh.LINKERD,
        [ROUTE, SERVER],
        ("shop", "web"),
        [("403", "1", MUTUAL, "HTTPRoute shop/web", "Server shop/web")],
    ),
    "no such name": (
        Mesh.LINKERD,
        [],
        ("shop", "ghost"),
        [("could not resolve host (curl 6)", "1", None, None, None)],
    ),
}


def model(tmp_path, mesh, objects):
    file = tmp_path / "objects.yaml"
    file.write_text(yaml.safe_dump_all([one.data for one in (*APPS, *objects)]))
    return Model.from_files(str(file), placed={"shop": mesh, "bare": None})


@pytest.mark.parametrize(("mesh", "objects", "asked", "answers"), DECISIONS.values(), ids=DECISIONS)
def test_what_a_decision_tells(tmp_path, mesh, objects, asked, answers):
    source, url = asked
    decision = model(tmp_path, mesh, objects).decide(Request(Workload(source, "client"), f"http://{url}"))
    assert decision.proxy == (mesh.proxy if mesh and source == "shop" else None)
    assert [
        (
            str(one.outcome),
            str(one.probability),
            one.transport,
            one.rule and one.rule.subject,
            one.policy and one.policy.subject,
        )
        for one in decision.answers
    ] == answers
    identity = {Mesh.ISTIO: ISTIO_ID, Mesh.LINKERD: LINKERD_ID}.get(mesh)
    for one in decision.answers:
        assert one.identities == ((identity,) * 2 if one.transport is MUTUAL else (None, None))


def test_what_an_application_asks_of_others_decides_nothing_of_the_request(tmp_path):
    folder = Path(__file__).parents[2] / "manifests/faces"
    faces = Model.from_files(
        folder,
        folder.parents[1] / "manifests/configs/faces/istio/color-split.yaml",
        placed={"faces": Mesh.ISTIO},
    )
    decision = faces.decide(Request(Workload("faces", "faces-gui"), "http://face/"))
    assert {one.rule and one.rule.subject for one in decision.answers} == {"Service faces/face"}
    assert any(reason.depth for reason in decision.answers[0].trace)
    assert sum((one.probability for one in decision.answers), Fraction(0)) == 1


def test_what_the_installer_of_istio_made_is_part_of_istio(tmp_path):
    labels = {"operator.istio.io/component": "Pilot"}
    own = resource("EnvoyFilter", "shop/stats", {}, "networking.istio.io/v1alpha3", labels=labels)
    decision = model(tmp_path, Mesh.ISTIO, [own]).decide(Request(Workload("shop", "client"), "http://web"))
    assert str(decision.answers[0].outcome) == "200 from shop/web"


class Held:
    """A snapshot of a cluster from which Istio was uninstalled."""

    objects = (*APPS, resource("Namespace", "shop"), resource("Namespace", "bare"), SPLIT)
    meshes = frozenset()
    definitions = ()


def test_objects_of_a_mesh_without_control_plane_count_for_nothing(monkeypatch):
    monkeypatch.setattr("harness.cluster.objects.snapshot.read", lambda *_: Held)
    decision = Model.from_cluster("it").decide(Request(Workload("shop", "client"), "http://web"))
    assert [str(answer.outcome) for answer in decision.answers] == ["200 from shop/web"]


def test_a_workload_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match="no running workload shop/clinet") as caught:
        model(tmp_path, None, []).decide(Request(Workload("shop", "clinet"), "http://web"))
    assert "did you mean shop/client" in caught.value.todo
