"""What is done to someone else's cluster, and what isn't, on an API in memory."""

from __future__ import annotations

import atexit
import json
import stat

import pytest

from harness.base.errors import MissingError, StageError
from harness.base.resources import ObjectName
from harness.base.vocabulary import Mesh
from harness.cluster.ownership import ownership, reclaim
from harness.cluster.ownership.guest import BEFORE, GUEST, RUN
from harness.ground import connection as module
from harness.ground.context import ContextProvider, ContextSettings
from harness.manifests.patching import Patch
from tests.cluster.fakes import FakeClient, deployment
from tests.providers.test_cluster import ISTIOD, WEBHOOK, config, namespaces

CONFIG = """
contexts: [{name: theirs, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: 'https://theirs'}}]
users: [{name: u, user: {token: secret}}]
"""
SHOP = {
    "apiVersion": "v1",
    "kind": "Namespace",
    "metadata": {"name": "shop", "labels": {"team": "a", "istio-injection": "disabled"}},
}
THEIRS = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "theirs", "namespace": "shop"}}


@pytest.fixture
def on(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    kubeconfig = tmp_path / "config"
    kubeconfig.write_text(CONFIG)

    def make(*objects, context="theirs", **settings):
        client = FakeClient(*objects)
        for target in (module, reclaim):
            monkeypatch.setattr(target, "Client", lambda kubeconfig: client)
        chosen = ContextSettings(context=context, kubeconfig=kubeconfig, timeout=1.0, **settings)
        return ContextProvider(chosen), client

    return make


def labels(client, name="shop"):
    return client.objects[f"/api/v1/namespaces/{name}"]["metadata"].get("labels") or {}


def config_maps(client):
    return {path.rsplit("/", 1)[-1] for path in client.objects if "/configmaps/" in path}


def changed(client):
    return [call for call in client.calls if call[0] != "GET"]


def test_the_context_is_copied_in_private(on):
    provider, _ = on()
    kubeconfig = provider.connect()
    assert [stat.S_IMODE(path.stat().st_mode) for path in (kubeconfig.parent, kubeconfig)] == [0o700, 0o600]
    provider.close()
    assert list(ownership.home().iterdir()) == []


def test_a_context_that_isnt_there_is_told_before_anything_is_asked(on):
    provider, client = on(context="thiers")
    with pytest.raises(MissingError, match="did you mean theirs"):
        provider.preflight()
    assert client.calls == []


@pytest.mark.parametrize(
    ("name", "do", "words"),
    [
        ("a namespace that isn't placed", lambda p: p.apply([config("a")]), "namespace shop is someone else's"),
        ("an object of the whole cluster", lambda p: p.apply([config("x", "", "Namespace"), config("n", "", "Node")]), "belongs to the whole cluster"),
        ("a patch in a namespace that isn't placed", lambda p: p.patch(Patch(ObjectName("ConfigMap", "shop", "theirs"), {"data": {}})), "namespace shop is someone else's"),
        ("a control plane", lambda p: p.uninstall(Mesh.ISTIO), "its control plane is someone else's"),
        ("a mesh that isn't there", lambda p: p.install(Mesh.LINKERD), "linkerd can't be had"),
    ],
)  # fmt: skip
def test_what_is_refused(on, name, do, words):
    provider, client = on(SHOP, THEIRS, ISTIOD, WEBHOOK)
    with pytest.raises(StageError, match=words):
        do(provider)
    assert [path for method, path in changed(client) if path != "/api/v1/namespaces"] in (
        [],
        ["/api/v1/namespaces/x"],
    )


def test_what_it_makes_bears_its_label_and_is_all_that_it_deletes(on):
    provider, client = on(SHOP, THEIRS)
    provider.place("shop", [])
    provider.apply([config("mine"), config("theirs"), config("other", "own")])
    mine = client.objects["/api/v1/namespaces/shop/configmaps/mine"]["metadata"]["labels"]
    assert mine == {"app.kubernetes.io/managed-by": ownership.MANAGER, RUN: provider.run_id}
    assert "labels" not in client.objects["/api/v1/namespaces/shop/configmaps/theirs"]["metadata"]
    assert labels(client, "own")[RUN] == provider.run_id
    with pytest.raises(StageError, match="ConfigMap shop/theirs isn't deleted: it is someone else's"):
        provider.remove([config("mine"), config("theirs")])
    provider.clear()
    assert config_maps(client) == {"theirs"}
    assert namespaces(client) == {"shop"}
    provider.close()
    assert list(ownership.home().iterdir()) == []


def test_a_placed_namespace_is_given_back_as_it_was(on):
    provider, client = on(SHOP, deployment())
    provider.place("shop", [Mesh.LINKERD])
    held = client.objects["/api/v1/namespaces/shop"]["metadata"]
    assert held["labels"] == {"team": "a", GUEST: provider.run_id}
    assert held["annotations"]["linkerd.io/inject"] == "enabled"
    assert json.loads(held["annotations"][BEFORE]) == [
        {"istio-injection": "disabled", "istio.io/rev": None},
        {"linkerd.io/inject": None},
    ]
    provider.place("shop", [])
    provider.clear()
    given = client.objects["/api/v1/namespaces/shop"]["metadata"]
    assert (given["labels"], given["annotations"]) == (SHOP["metadata"]["labels"], {})


def test_another_runs_namespaces_are_left_alone(on):
    first, client = on(SHOP)
    first.place("shop", [])
    first.apply([config("a", "own")])
    second, _ = on()
    second.__dict__["_at"] = module.Connection(second, second.connect())
    second._at.applier._client = client
    for do in (lambda: second.place("shop", []), lambda: second.apply([config("b", "own")])):
        with pytest.raises(StageError, match=f"in use by another run of the harness .{first.run_id}"):
            do()


def test_what_a_killed_run_left_is_reclaimed_by_the_next(on):
    dead, client = on(SHOP, THEIRS, {**deployment(), "spec": {"replicas": 1}})
    dead.place("shop", [Mesh.LINKERD])
    dead.apply([config("mine"), config("other", "own")])
    dead.patch(Patch(ObjectName("ConfigMap", "shop", "theirs"), {"data": {"a": "1"}}))
    dead._lease.release()  # as a kill would
    atexit.unregister(dead.close)
    later = ContextProvider(dead.settings)
    later.connect()
    assert namespaces(client) == {"shop"}
    assert config_maps(client) == {"theirs"}
    assert "data" not in client.objects["/api/v1/namespaces/shop/configmaps/theirs"]
    assert labels(client) == SHOP["metadata"]["labels"]
    later.close()
    assert list(ownership.home().iterdir()) == []


def test_nothing_is_put_back_twice(on):
    provider, client = on(SHOP, THEIRS)
    provider.place("shop", [])
    provider.patch(Patch(ObjectName("ConfigMap", "shop", "theirs"), {"data": {"a": "1"}}))
    assert json.loads((provider._lease.directory / reclaim.JOURNAL).read_text())
    provider.clear()
    assert "data" not in client.objects["/api/v1/namespaces/shop/configmaps/theirs"]
    assert not (provider._lease.directory / reclaim.JOURNAL).exists()
    provider.close()


def test_a_mesh_that_is_there_is_taken_as_it_is(on):
    provider, client = on(ISTIOD, WEBHOOK)
    assert provider.lacking(Mesh.ISTIO) is None
    assert "isn't installed in context theirs" in provider.lacking(Mesh.LINKERD)
    provider.install(Mesh.ISTIO)
    assert changed(client) == []
