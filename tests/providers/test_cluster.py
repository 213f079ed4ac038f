"""What a provider does to a cluster, on an API in memory."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.base.errors import MissingError, StageError
from harness.base.resources import Resource
from harness.base.vocabulary import Mesh, Workload
from harness.cluster.api.settings import ClusterSettings
from harness.cluster.objects.rollout import RESTARTED_AT
from harness.ground import connection as module
from harness.ground.cluster import ClusterProvider
from harness.meshes.linkerd import CONTROL_PLANE
from harness.traffic.observables import Basis, Pod, Proxy
from tests.cluster.fakes import FakeClient, deployment, pod

if TYPE_CHECKING:
    from harness.ground.ground import Provider

ISTIOD = deployment("istiod", namespace="istio-system")
WEBHOOK = {
    "apiVersion": "admissionregistration.k8s.io/v1",
    "kind": "MutatingWebhookConfiguration",
    "metadata": {"name": "istio-sidecar-injector"},
}
SHOP = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}


class Here(ClusterProvider):
    name = "here"
    images: tuple[str, ...] = ()

    def connect(self):
        return Path("/k")

    def provide_images(self, images):
        self.images += tuple(images)

    def close(self):
        pass


@pytest.fixture
def on(monkeypatch):
    def make(*objects, timeout=1.0):
        client = FakeClient(*objects)
        monkeypatch.setattr(module, "Client", lambda kubeconfig: client)
        return Here(ClusterSettings(timeout=timeout, istioctl="no-such-istioctl")), client

    return make


def config(name="a", namespace="shop", kind="ConfigMap"):
    metadata = {"name": name, "namespace": namespace} if namespace else {"name": name}
    return Resource("v1", kind, namespace, name, {"apiVersion": "v1", "kind": kind, "metadata": metadata})


def namespaces(client):
    return {path.rsplit("/", 1)[-1] for path, item in client.objects.items() if item["kind"] == "Namespace"}


ENABLED = {"istio-injection": "enabled"}


def restarted(client):
    annotations = [
        ((item["spec"].get("template") or {}).get("metadata") or {}).get("annotations") or {}
        for item in client.objects.values()
        if item["kind"] == "Deployment"
    ]
    return sum(RESTARTED_AT in found for found in annotations)


def test_it_is_a_provider(on):
    provider, _ = on()
    as_promised: Provider = provider
    assert as_promised.basis is Basis.OBSERVED


def test_deploy_makes_namespaces_and_brings_images(on):
    provider, client = on()
    spec = {"containers": [{"name": "a", "image": "a:1"}]}
    app = config("one", kind="Pod")
    provider.deploy(
        [Resource("v1", "Pod", "shop", "one", {**app.data, "spec": spec}), config(namespace="bare")]
    )
    assert namespaces(client) == {"shop", "bare"}
    assert provider.images == ("a:1",)


@pytest.mark.parametrize(
    ("name", "labels", "pod_made", "asked", "restarts"),
    [
        ("to be injected", {}, {}, [Mesh.ISTIO], 1),
        ("injected as asked before", ENABLED, {"native": "istio-proxy"}, [Mesh.ISTIO], 0),
        ("asked before, not injected", ENABLED, {}, [Mesh.ISTIO], 1),
        ("one more is asked", ENABLED, {"native": "istio-proxy"}, list(Mesh), 1),
        ("to be bare", ENABLED, {"native": "istio-proxy"}, [], 1),
        ("bare already", {}, {}, [], 0),
    ],
)
def test_place_restarts_what_isnt_as_asked(on, name, labels, pod_made, asked, restarts):
    shop = {**SHOP, "metadata": {"name": "shop", "labels": labels}}
    provider, client = on(shop, ISTIOD, WEBHOOK, deployment(), pod(**pod_made), timeout=0.2)
    with suppress(StageError):  # these proxies never take a configuration in
        provider.place("shop", asked)
    assert restarted(client) == restarts


def test_no_pod_starts_while_linkerds_injector_is_away(on):
    *ready, injector = CONTROL_PLANE
    plane = [deployment(name, namespace="linkerd") for name in ready]
    away = deployment(injector, namespace="linkerd", replicas=0)
    provider, client = on(SHOP, deployment(), pod(), *plane, away)
    with pytest.raises(StageError, match="linkerd-proxy-injector is scaled to 0"):
        provider.place("shop", [Mesh.LINKERD])
    assert restarted(client) == 0


@pytest.mark.parametrize(
    ("asked", "labels", "annotations"),
    [
        ([Mesh.ISTIO], {"istio-injection": "enabled"}, {}),
        ([Mesh.LINKERD], {}, {"linkerd.io/inject": "enabled"}),
        (list(Mesh), {"istio-injection": "enabled"}, {"linkerd.io/inject": "enabled"}),
        ([], {}, {}),
    ],
)
def test_place_asks_exactly_these_meshes(on, asked, labels, annotations):
    mixed = {"labels": {"istio.io/rev": "old", "team": "a"}, "annotations": {"linkerd.io/inject": "enabled"}}
    provider, client = on({**SHOP, "metadata": {"name": "shop", **mixed}})
    provider.place("shop", asked)
    found = client.objects["/api/v1/namespaces/shop"]["metadata"]
    assert found["labels"] == {"team": "a", **labels}
    assert found["annotations"] == annotations


def test_clear_takes_away_only_what_was_made(on):
    provider, client = on(SHOP)
    provider.apply([config("mine"), config("mine", "own")])
    client.put(config("theirs").data)
    provider.place("shop", [Mesh.LINKERD])
    provider.clear()
    assert namespaces(client) == {"shop"}
    assert {path for path in client.objects if "configmaps" in path} == {
        "/api/v1/namespaces/shop/configmaps/theirs"
    }
    assert client.objects["/api/v1/namespaces/shop"]["metadata"]["annotations"] == {}


def test_clear_before_anything_was_done_connects_to_nothing(on):
    provider, client = on()
    provider.clear()
    assert client.calls == []


def test_remove_deletes_in_reverse(on):
    provider, client = on(SHOP)
    provider.apply([config("a"), config("b")])
    provider.remove([config("a"), config("b")])
    assert [path[-1] for method, path in client.calls if method == "DELETE"] == ["b", "a"]


def test_a_healthy_control_plane_is_not_installed_again(on):
    provider, client = on(ISTIOD, WEBHOOK)
    provider.install(Mesh.ISTIO)
    assert {method for method, _ in client.calls} == {"GET"}


def test_a_mesh_without_its_tool_cant_be_installed(on):
    provider, _ = on()
    with pytest.raises(MissingError, match="no-such-istioctl isn't on PATH"):
        provider.install(Mesh.ISTIO)
    assert "no-such-istioctl" in provider.lacking(Mesh.ISTIO)


def test_pods_are_told_with_proxies_and_skips(on):
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "e", "namespace": "shop"},
        "involvedObject": {"name": "web"},
        "lastTimestamp": "2026-01-01T12:00:00Z",
        "message": "injection skipped",
    }
    other = pod("db-0", owner="StatefulSet/db")
    ending = pod("web-6b5d4d5f74-zzzzz", deletionTimestamp="now")
    provider, _ = on(pod(native="istio-proxy"), other, ending, event)
    skips = ((Mesh.LINKERD, "injection skipped"),)
    proxies = (Proxy(Mesh.ISTIO, native=True),)
    assert provider.pods(Workload("shop", "web")) == (Pod("web-6b5d4d5f74-xxnlk", proxies, skips),)
