import re
from contextlib import nullcontext
from pathlib import Path

import pytest

from harness.base.errors import MissingError, StageError
from harness.cluster.api.client import ApiError
from harness.cluster.api.discovery import Discovery
from harness.cluster.api.settings import ClusterSettings
from harness.cluster.api.waiting import Deadline
from harness.cluster.objects.apply import Applier
from harness.meshes import gateway_api
from harness.meshes.charts import objects
from harness.meshes.gateway_api import unreported
from harness.meshes.linkerd import CONTROL_PLANE, Linkerd
from tests.cluster.fakes import FakeClient, FakeRun, deployment
from tests.meshes.test_istio import plane as istio

CRDS = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: crds, namespace: linkerd}\n"
CONTROL = """---
apiVersion: v1
kind: Namespace
metadata: {name: linkerd}
---
apiVersion: v1
kind: List
items: [{apiVersion: v1, kind: ConfigMap, metadata: {name: linkerd-config, namespace: linkerd}}]
---
"""
DEPLOYMENTS = [deployment(name, namespace="linkerd") for name in CONTROL_PLANE]


def plane(client, run=None):
    applier = Applier(client, Discovery(client))
    return Linkerd(client, applier, run or FakeRun(), Path("/k"), ClusterSettings())


def test_install_applies_what_linkerd_prints_then_checks():
    client, run = FakeClient(), FakeRun({"linkerd install --crds": CRDS, "linkerd install": CONTROL})
    plane(client, run).install(Deadline(60))
    assert run.ran[:2] == ["linkerd install --crds --kubeconfig /k", "linkerd install --kubeconfig /k"]
    assert run.ran[2].startswith("linkerd check --wait ")
    assert run.ran[2].endswith("s --kubeconfig /k")
    assert list(client.objects) == [
        "/api/v1/namespaces/linkerd/configmaps/crds",
        "/api/v1/namespaces/linkerd",
        "/api/v1/namespaces/linkerd/configmaps/linkerd-config",
    ]


def test_a_control_plane_that_still_starts_is_waited_for():
    run = FakeRun()
    plane(FakeClient(*DEPLOYMENTS), run).install(Deadline(60))
    assert [line.split(" --wait")[0] for line in run.ran] == ["linkerd check"]


def test_install_ends_with_the_tools_words():
    run = FakeRun({"linkerd": StageError("`linkerd install` failed", why="Gateway API CRDs are missing")})
    with pytest.raises(StageError, match="Gateway API CRDs are missing"):
        plane(FakeClient(), run).install(Deadline(60))


def test_uninstall_deletes_what_linkerd_lists():
    client, run = FakeClient(), FakeRun({"linkerd": CONTROL})
    found = plane(client, run)
    found.install(Deadline(60))
    found.uninstall(Deadline(60))
    assert run.ran[-1] == "linkerd uninstall --kubeconfig /k"
    assert client.objects == {}


@pytest.mark.parametrize(
    ("name", "there", "installed", "healthy"),
    [
        ("nothing", [], False, False),
        ("part of it", DEPLOYMENTS[:1], True, False),
        ("all", DEPLOYMENTS, True, True),
    ],
)
def test_health(name, there, installed, healthy):
    found = plane(FakeClient(*there))
    assert (found.installed(), found.healthy()) == (installed, healthy)


INJECTOR = "linkerd-proxy-injector"
ASKS = {"annotations": {"linkerd.io/inject": "enabled"}}


@pytest.mark.parametrize(
    ("injector", "what", "why"),
    [
        ({"replicas": 0}, f"{INJECTOR} is scaled to 0, so pods start without a proxy", ""),
        ({"ready": 0}, "Linkerd's control plane is ready: not within 0 s", f"{INJECTOR}: .*; pods start without a proxy"),
    ],
)  # fmt: skip
def test_a_change_waits_for_the_whole_control_plane(injector, what, why):
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", **ASKS}}
    objects = [*DEPLOYMENTS[:-1], deployment(INJECTOR, namespace="linkerd", **injector), namespace]
    with pytest.raises(StageError, match=what) as caught:
        plane(FakeClient(*objects)).settle(["shop"], Deadline(0.2))
    assert re.search(why, caught.value.why)
    plane(FakeClient(*objects)).settle(["elsewhere"], Deadline(0.2))
    plane(FakeClient(*DEPLOYMENTS, namespace)).settle(["shop"], Deadline(0.2))


@pytest.mark.parametrize(
    ("metadata", "asks"),
    [
        ({"annotations": {"linkerd.io/inject": "enabled"}}, True),
        ({"annotations": {"linkerd.io/inject": "disabled"}}, False),
        ({"labels": {"linkerd.io/inject": "enabled"}}, False),
    ],
)
def test_which_namespace_asks(metadata, asks):
    assert plane(FakeClient()).asks({"metadata": metadata}) is asks


def test_what_is_lacking():
    assert "isn't on PATH" in Linkerd.missing(ClusterSettings(linkerd="no-such-linkerd"))
    assert Linkerd.missing(ClusterSettings(linkerd="sh")) is None


def test_output_that_is_no_yaml():
    with pytest.raises(StageError, match="linkerd install: not YAML"):
        objects("a: [", "linkerd install")


def route(*parents, status=(), group="gateway.networking.k8s.io"):
    return {
        "apiVersion": f"{group}/v1",
        "metadata": {"namespace": "shop", "generation": 2},
        "spec": {"parentRefs": list(parents)},
        "status": {"parents": list(status)},
    }


def written(controller, generation=None, name="web"):
    condition = {"type": "Accepted"} | ({"observedGeneration": generation} if generation else {})
    return {"controllerName": controller, "parentRef": {"name": name}, "conditions": [condition]}


SERVICE, CORE = (
    {"kind": "Service", "group": "", "name": "web"},
    {"kind": "Service", "group": "core", "name": "web"},
)
BY_ISTIO, BY_LINKERD = "istio.io/gateway-controller", "linkerd.io/policy-controller"


@pytest.mark.parametrize(
    ("name", "given", "missing"),
    [
        ("no parents", route(), None),
        ("a parent of neither", route({"kind": "Gateway", "name": "web"}), None),
        ("both reported", route(SERVICE, status=[written(BY_ISTIO, 2), written(BY_LINKERD)]), None),
        ("one reported", route(SERVICE, status=[written(BY_ISTIO, 2)]), BY_LINKERD),
        ("an older generation", route(SERVICE, status=[written(BY_ISTIO, 1), written(BY_LINKERD)]), BY_ISTIO),
        ("another parent", route(SERVICE, status=[written(BY_ISTIO, 2, "x"), written(BY_LINKERD)]), BY_ISTIO),
        ("Linkerd's own kind", route(SERVICE, status=[written(BY_LINKERD)], group="policy.linkerd.io"), None),
        ("a parent that isn't there", route({**SERVICE, "name": "nosuch"}), None),
        ("a parent in another namespace", route({**SERVICE, "namespace": "bare"}), None),
        ("core is Linkerd's alone", route(CORE, status=[written(BY_LINKERD)]), None),
    ],
)
def test_who_has_to_report_on_a_route(name, given, missing):
    found = unreported(given, [istio(FakeClient()), plane(FakeClient())], {("shop", "web")})
    assert (found or "").split(" ")[0] == (missing or "")


CRD = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": gateway_api.PROBE},
}


def test_gateway_api_crds_that_are_there_stay():
    client = FakeClient(CRD)
    gateway_api.ensure(client, Applier(client, Discovery(client)), "/no/such/file", "", Deadline(5))
    assert [method for method, _ in client.calls] == ["GET"]


@pytest.mark.parametrize(("version", "fits"), [("v1.6.1", True), ("v1.4.1", False), ("", False)])
def test_gateway_api_crds_of_another_release_are_an_error(version, fits):
    marks = {
        "gateway.networking.k8s.io/bundle-version": version,
        "gateway.networking.k8s.io/channel": "standard",
    }
    client = FakeClient({**CRD, "metadata": {"name": gateway_api.PROBE, "annotations": marks}})
    with nullcontext() if fits else pytest.raises(StageError, match=r"1.6/standard is asked for"):
        gateway_api.ensure(
            client, Applier(client, Discovery(client)), "/no/such/file", "1.6/standard", Deadline(5)
        )


def test_gateway_api_crds_of_a_release():
    assert gateway_api.source("1.6/experimental").endswith("/v1.6.1/experimental-install.yaml")


def test_gateway_api_crds_that_cant_be_had():
    client = FakeClient()
    with pytest.raises(MissingError, match="can't be had from /no/such/file"):
        gateway_api.ensure(client, Applier(client, Discovery(client)), "/no/such/file", "", Deadline(5))


def test_gateway_api_crds_are_applied_from_a_file(tmp_path):
    file = tmp_path / "crds.yaml"
    file.write_text(CRDS)
    client = FakeClient()
    gateway_api.ensure(client, Applier(client, Discovery(client)), str(file), "", Deadline(5))
    assert list(client.objects) == ["/api/v1/namespaces/linkerd/configmaps/crds"]


def test_what_a_cluster_reports():
    accepted = {"type": "Accepted", "status": "True", "reason": "Accepted"}
    old, new = ({**accepted, "type": kind, "observedGeneration": n} for kind, n in (("Old", 1), ("New", 2)))
    kinds = [{"group": "gateway.networking.k8s.io", "kind": kind} for kind in ("HTTPRoute", "GRPCRoute")]
    listener = {"name": "http", "attachedRoutes": 2, "supportedKinds": kinds, "conditions": [accepted, old]}
    parent = {"kind": "Service", "name": "web", "port": 80}
    of_route = {
        "controllerName": "linkerd.io/policy-controller",
        "parentRef": parent,
        "conditions": [accepted],
    }
    data = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "web", "namespace": "shop", "generation": 2},
        "status": {"conditions": [old, accepted, new], "listeners": [listener], "parents": [of_route]},
    }
    assert list(map(str, gateway_api.reports(data))) == [
        "status: Accepted=True (Accepted), New=True (Accepted)",
        "status listener http: Accepted=True (Accepted), 2 routes of GRPCRoute or HTTPRoute",
        "linkerd.io/policy-controller on Service shop/web port 80: Accepted=True (Accepted)",
    ]


def test_api_errors_that_may_pass():
    table = [
        (ApiError(500, "InternalError", 'failed calling webhook "x": connection refused'), True),
        (ApiError(503, "ServiceUnavailable", "busy"), True),
        (ApiError(429, "TooManyRequests", "busy"), True),
        (ApiError(0, "Unreachable", "refused"), True),
        (ApiError(500, "InternalError", "broken"), False),
        (ApiError(422, "Invalid", "no"), False),
    ]
    assert [error.transient for error, _ in table] == [transient for _, transient in table]
