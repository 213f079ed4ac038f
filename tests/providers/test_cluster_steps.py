"""What patches, waits, commands and checks do to a cluster, on an API in memory."""

from __future__ import annotations

import json

import pytest

from harness.base.errors import StageError
from harness.base.installation import Installation
from harness.base.resources import ObjectName
from harness.base.vocabulary import Mesh, Workload
from harness.cluster.api.client import ApiError
from harness.ground.condition import Condition
from harness.manifests.patching import Patch
from harness.meshes.istio import Istio
from tests.cluster.fakes import deployment
from tests.meshes.test_installers import containers
from tests.providers.test_cluster import ISTIOD, SHOP, WEBHOOK, config, on, restarted  # noqa: F401 - a fixture

WEB = deployment()
CONFIG = ObjectName("ConfigMap", "shop", "a")


def data(client):
    return client.objects["/api/v1/namespaces/shop/configmaps/a"].get("data")


def with_data(**values):
    return {**config().data, "data": values}


def replaced(value: str) -> Patch:
    return Patch(CONFIG, operations=({"op": "replace", "path": "/data/a", "value": value},))


@pytest.mark.parametrize("patch", [Patch(CONFIG, {"data": {"a": "2"}}), replaced("2")], ids=["merge", "JSON"])
def test_a_patch_is_sent_once(on, patch):  # noqa: F811
    provider, client = on(SHOP, with_data(a="1", b="1"))
    provider.patch(patch)
    provider.patch(patch)
    assert data(client) == {"a": "2", "b": "1"}
    assert [method for method, _ in client.calls].count("PATCH") == 1


def test_what_was_patched_is_put_back(on):  # noqa: F811
    provider, client = on(SHOP, with_data(a="1"))
    provider.patch(Patch(CONFIG, {"data": {"a": "2"}}))
    provider.patch(Patch(CONFIG, {"data": {"a": "3"}}))
    provider.clear()
    assert data(client) == {"a": "1"}


def test_another_process_puts_back_what_this_one_patched(on):  # noqa: F811
    provider, client = on(SHOP, with_data(a="1"))
    provider.patch(Patch(CONFIG, {"data": {"a": "2"}}))
    provider.apply([config("mine")])
    other, _ = on()
    other._at.client.objects = client.objects
    other.remember(json.loads(json.dumps(provider.memory())))
    other.clear()
    assert {path.rsplit("/", 1)[-1] for path in client.objects} >= {"a"}
    found = other._at.client.objects
    assert found["/api/v1/namespaces/shop/configmaps/a"]["data"] == {"a": "1"}
    assert "/api/v1/namespaces/shop/configmaps/mine" not in found


WRONG = {
    "nothing there": (
        Patch(ObjectName("ConfigMap", "shop", "b"), {}),
        "ConfigMap shop/b isn't there to be patched",
    ),
    "it doesn't fit": (
        Patch(CONFIG, operations=({"op": "replace", "path": "/spec/x", "value": 1},)),
        "ConfigMap shop/a can't be patched",
    ),
}


@pytest.mark.parametrize(("patch", "words"), WRONG.values(), ids=WRONG)
def test_patches_that_can_t_be(on, patch, words):  # noqa: F811
    provider, client = on(SHOP, with_data(a="1"))
    with pytest.raises(StageError, match=words):
        provider.patch(patch)
    assert data(client) == {"a": "1"}


def test_no_such_kind(on):  # noqa: F811
    provider, _ = on(SHOP)
    with pytest.raises(ApiError, match='no matches for kind "Widget"'):
        provider.patch(Patch(ObjectName("Widget", "shop", "a"), {}))


def test_a_workload_is_placed_by_its_pods_marks(on):  # noqa: F811
    provider, client = on(SHOP, WEB)
    provider.place_workload(Workload("shop", "web"), [Mesh.LINKERD])
    template = client.objects["/apis/apps/v1/namespaces/shop/deployments/web"]["spec"]["template"]["metadata"]
    assert template["labels"] == {"sidecar.istio.io/inject": "false"}
    assert template["annotations"] == {"linkerd.io/inject": "enabled"}
    with pytest.raises(StageError, match="there is no workload shop/nosuch"):
        provider.place_workload(Workload("shop", "nosuch"), [])


def test_one_workload_is_restarted(on):  # noqa: F811
    provider, client = on(SHOP, WEB, deployment("db"))
    provider.restart("shop", "web")
    assert restarted(client) == 1


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ({"field": "data.a", "value": "1"}, None),
        ({"field": "data.a", "value": "2"}, "ConfigMap shop/a has data.a: 2: not within 0 s"),
        ({"absent": True}, "ConfigMap shop/a is gone: not within 0 s"),
    ],
)
def test_waits(on, condition, words):  # noqa: F811
    provider, _ = on(SHOP, with_data(a="1"))
    wanted = Condition(CONFIG, seconds=0.3, **condition)
    if words is None:
        provider.wait(wanted)
    else:
        with pytest.raises(StageError, match=words):
            provider.wait(wanted)


def test_a_command_gets_the_harness_s_kubeconfig(on, caplog):  # noqa: F811
    provider, _ = on()
    caplog.set_level("INFO")
    provider.run(["sh", "-c", "echo at $KUBECONFIG"])
    assert "at /k" in caplog.text
    with pytest.raises(
        StageError, match=r"`sh -c 'echo no >&2; exit 3'` failed with exit status 3"
    ) as caught:
        provider.run(["sh", "-c", "echo no >&2; exit 3"])
    assert caught.value.why == "no"


def test_what_the_meshes_find_is_told(on, monkeypatch):  # noqa: F811
    provider, _ = on(ISTIOD, SHOP)
    asked = []
    monkeypatch.setattr(
        Istio,
        "faults",
        lambda self, spaces, accepted, _: asked.append((set(spaces), accepted)) or ["IST1"],
    )
    provider.remember({"used": ["shop"]})
    with pytest.raises(StageError, match="the meshes' own checks find faults") as caught:
        provider.check(("IST2",))
    assert caught.value.why == "IST1"
    assert asked == [({"shop"}, ("IST2",))]


def test_a_control_plane_of_another_version_is_an_error(on):  # noqa: F811
    there = containers("istiod", "istio-system", discovery="istio/pilot:1.30.2")
    provider, _ = on(there, WEBHOOK)
    provider.install(Mesh.ISTIO, Installation("1.30"))
    with pytest.raises(StageError, match=r"istio 1\.30\.2 is installed here, and 1\.31 is asked for"):
        provider.install(Mesh.ISTIO, Installation("1.31"))
