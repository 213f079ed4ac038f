from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from harness.api.kubernetes.definition import CustomResourceDefinition
from harness.base.errors import InputError, MissingError
from harness.base.vocabulary import Mesh
from harness.cluster.api.client import ApiError
from harness.cluster.objects.snapshot import take
from harness.model import Model

if TYPE_CHECKING:
    from harness.base.resources import Resource


def item(
    name: str, namespace: str = "", labels: dict[str, str] | None = None, **parts: Any
) -> dict[str, Any]:
    """An object as a list holds it: without kind and version, with what a cluster adds."""
    metadata = {"name": name, "uid": "1", "creationTimestamp": "2026-01-01T00:00:00Z", "managedFields": []}
    metadata |= {"labels": labels or {}} | ({"namespace": namespace} if namespace else {})
    return {"metadata": metadata, **parts}


def deployed(name: str, namespace: str, labels: dict[str, str]) -> dict[str, Any]:
    spec = {
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "a", "image": "a"}]}},
    }
    return item(name, namespace, labels, spec=spec, status={"replicas": 1})


ISTIOD = deployed("istiod", "control", {"app": "istiod"})
SHOP = deployed("cart", "shop", {"app": "cart"})
NAMESPACES = [item("control"), item("shop"), item("other")]
GATEWAY = item("in", "shop", spec={"selector": {"istio": "x"}, "servers": []})
GROUP = {
    "name": "networking.istio.io",
    "preferredVersion": {"groupVersion": "networking.istio.io/v1"},
    "versions": [
        {"groupVersion": "networking.istio.io/v1alpha3"},
        {"groupVersion": "networking.istio.io/v1"},
    ],
}


CILIUM = {"name": "cilium.io", "preferredVersion": {"groupVersion": "cilium.io/v2"}}


def kind(name: str, plural: str) -> dict[str, Any]:
    return {"name": plural, "kind": name, "namespaced": True, "verbs": ["get", "list"]}


class Cluster:
    """Answers what is asked of an API, one object a page, and keeps what was asked."""

    def __init__(self, **collections: list[dict[str, Any]]) -> None:
        self.collections = collections
        self.asked: list[str] = []

    def get(self, path: str, query: dict[str, Any] | None = None) -> dict[str, Any]:
        self.asked.append(path)
        match path:
            case "/apis":
                return {"groups": [GROUP, {"name": "apps"}, CILIUM]}
            case "/apis/cilium.io/v2":
                kinds = ("CiliumNetworkPolicy", "CiliumNode")
                return {"resources": [kind(name, f"{name.lower()}s") for name in kinds]}
            case "/apis/networking.istio.io/v1":
                return {"resources": [kind("Gateway", "gateways"), kind("Gateway", "gateways/status")]}
            case "/apis/networking.istio.io/v1alpha3":
                return {"resources": [kind("Gateway", "gateways"), kind("EnvoyFilter", "envoyfilters")]}
        root, _, plural = path.rpartition("/")
        api, _, namespace = root.partition("/namespaces/")
        found = [
            one
            for one in self.collections.get(plural, [])
            if not namespace or one["metadata"]["namespace"] == namespace
        ]
        at = int((query or {}).get("continue", 0))
        following = str(at + 1) if at + 1 < len(found) else ""
        kinds = {"gateways": "Gateway", "envoyfilters": "EnvoyFilter", "namespaces": "Namespace"}
        kinds |= {"ciliumnetworkpolicys": "CiliumNetworkPolicy", "ciliumnodes": "CiliumNode"}
        return {
            "kind": kinds.get(plural, "Deployment") + "List",
            "apiVersion": api.removeprefix("/apis/").removeprefix("/api/"),
            "metadata": {"continue": following},
            "items": found[at : at + 1],
        }

    def list(self, path: str, query: dict[str, Any]) -> Any:
        self.asked.append(path)
        label, _, value = query["labelSelector"].partition("=")
        return [
            one for one in self.collections["deployments"] if one["metadata"]["labels"].get(label) == value
        ]

    def names(self, path: str) -> tuple[str, ...]:
        self.asked.append(path)
        return ("certificate",)


def versions(definition: Resource) -> frozenset[str]:
    return CustomResourceDefinition.of(definition).served


def names(cluster: Cluster, namespaces: list[str] | None = None) -> list[str]:
    return sorted(map(str, take(cluster, "it", namespaces).objects))  # type: ignore[arg-type]


def test_objects_are_read_of_every_page_and_of_the_preferred_version():
    cluster = Cluster(namespaces=NAMESPACES, deployments=[ISTIOD, SHOP])
    snapshot = take(cluster, "context it")  # type: ignore[arg-type]
    assert sorted(map(str, snapshot.objects)) == [
        "Deployment control/istiod",
        "Deployment shop/cart",
        "Namespace control",
        "Namespace other",
        "Namespace shop",
    ]
    assert snapshot.meshes == {Mesh.ISTIO}
    assert {str(one.where) for one in snapshot.objects} == {"context it"}
    assert {definition.name: versions(definition) for definition in snapshot.definitions} == {
        "gateways.networking.istio.io": {"v1", "v1alpha3"},
        "envoyfilters.networking.istio.io": {"v1alpha3"},
    }
    gateways = [path for path in cluster.asked if path.endswith("/gateways")]
    assert gateways == ["/apis/networking.istio.io/v1/gateways"]


def test_what_the_model_does_not_know_is_read_too():
    cluster = Cluster(deployments=[], envoyfilters=[item("mine", "shop")])
    assert names(cluster) == ["EnvoyFilter shop/mine"]


def test_what_can_move_traffic_is_read_of_other_groups():
    policies, nodes = [item("mine", "shop")], [item("node", "shop")]
    cluster = Cluster(deployments=[], ciliumnetworkpolicys=policies, ciliumnodes=nodes)
    assert names(cluster) == ["CiliumNetworkPolicy shop/mine"]


def test_namespaces_limit_what_is_read_to_them_and_the_control_planes():
    cluster = Cluster(namespaces=NAMESPACES, deployments=[ISTIOD, SHOP, deployed("x", "other", {})])
    read = ["Deployment control/istiod", "Deployment shop/cart", "Namespace control", "Namespace shop"]
    assert names(cluster, ["shop"]) == read


def test_secrets_are_known_by_name_where_there_are_gateways():
    assert not [path for path in Cluster(deployments=[]).asked if "secrets" in path]
    cluster = Cluster(deployments=[], gateways=[GATEWAY])
    (secret,) = [one for one in take(cluster, "it").objects if one.kind == "Secret"]  # type: ignore[arg-type]
    assert secret.data == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "certificate", "namespace": "shop"},
    }
    assert [path for path in cluster.asked if "secrets" in path] == ["/api/v1/namespaces/shop/secrets"]


CONFIG = """
apiVersion: v1
kind: Config
current-context: live
contexts: [{name: live, context: {cluster: live, user: me}}]
clusters: [{name: live, cluster: {server: 'http://127.0.0.1:9'}}]
users: [{name: me, user: {}}]
"""


def test_the_current_context_never_counts(tmp_path, monkeypatch):
    config = tmp_path / "config"
    config.write_text(CONFIG)
    monkeypatch.setenv("KUBECONFIG", str(config))
    with pytest.raises(MissingError, match="no usable context lvie"):
        Model.from_cluster("lvie", config)
    with pytest.raises(InputError, match="no context is named"):
        Model.from_cluster("", config)


def test_a_cluster_that_does_not_answer_is_named(tmp_path):
    config = tmp_path / "config"
    config.write_text(CONFIG)
    with pytest.raises(ApiError, match="doesn't answer"):
        Model.from_cluster("live", config)
