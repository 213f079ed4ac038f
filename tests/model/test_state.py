from __future__ import annotations

from dataclasses import replace

import pytest

from harness.base.errors import NotModelledError
from harness.base.vocabulary import Workload
from harness.model import Refused, changes
from tests.model.clusters import ISTIO, LINKERD, app, cluster, resource, send, told

APPS = [*app("bare/client", "curlimages/curl"), *app("bare/web", "unknown/web", 80)]
WEB = Workload("bare", "web")


def proxies(state):
    return [pod.mesh for pod in state.pods_of(WEB)]


def test_a_namespace_acts_on_pods_started_later():
    state = changes.apply(cluster(ISTIO, LINKERD), APPS)
    marked = changes.mark(state, "bare", labels={"istio-injection": "enabled"})
    assert proxies(marked) == [None]
    assert proxies(changes.restart(marked, "bare")) == [ISTIO]
    assert proxies(changes.restart(marked, "bare", workload="client")) == [None]
    moved = changes.mark(
        marked, "bare", labels={"istio-injection": None}, annotations={"linkerd.io/inject": "enabled"}
    )
    assert proxies(changes.restart(moved, "bare")) == [LINKERD]


def test_an_unchanged_template_keeps_its_pods():
    state = changes.mark(changes.apply(cluster(ISTIO), APPS), "bare", labels={"istio-injection": "enabled"})
    assert proxies(changes.apply(state, APPS)) == [None]
    changed = app("bare/web", "unknown/web", 80, VERSION="2")
    assert proxies(changes.apply(state, changed)) == [ISTIO]


def test_marks_outlive_an_apply_of_the_namespace():
    manifest = resource("Namespace", "bare", labels={"team": "a"})
    state = changes.mark(
        changes.apply(cluster(ISTIO), [manifest]), "bare", labels={"istio-injection": "enabled"}
    )
    again = changes.apply(state, [resource("Namespace", "bare", labels={"team": "b"})])
    namespace = again.get("", "Namespace", "", "bare")
    assert namespace.data["metadata"]["labels"] == {"istio-injection": "enabled", "team": "b"}


def test_states_do_not_change():
    before = cluster(ISTIO)
    changes.apply(before, APPS)
    assert before.pods_of(WEB) == ()


@pytest.mark.parametrize(
    ("kind", "api", "words"),
    [
        (
            "VirtualService",
            "networking.istio.io/v1",
            'kind "VirtualService" in version "networking.istio.io/v1"',
        ),
        ("Server", "policy.linkerd.io/v1beta3", 'kind "Server" in version "policy.linkerd.io/v1beta3"'),
        ("HTTPRoute", "gateway.networking.k8s.io/v1", 'kind "HTTPRoute" in version'),
    ],
)
def test_kinds_come_with_their_mesh(kind, api, words):
    with pytest.raises(Refused, match="no matches for") as caught:
        changes.apply(cluster(), [resource(kind, "bare/x", "{}", api)])
    assert words in caught.value.what


def test_a_namespace_must_be_there():
    with pytest.raises(Refused, match='namespaces "ghost" not found'):
        changes.apply(cluster(), [resource("ConfigMap", "ghost/x")])
    assert changes.apply(cluster(), [resource("ConfigMap", "default/x")])


def test_what_is_removed_is_gone():
    state = changes.apply(cluster(), APPS)
    assert proxies(changes.remove(state, APPS)) == []
    assert proxies(changes.remove(state, [resource("Namespace", "bare")])) == []
    assert changes.remove(state, [resource("ConfigMap", "bare/never")]).objects == state.objects


def test_uninstalling_takes_kinds_and_webhooks_along():
    route = resource("VirtualService", "ist/v", "{hosts: [v], http: [{route: [{destination: {host: v}}]}]}")
    ist = [*app("ist/client", "curlimages/curl"), *app("ist/web", "unknown/web", 80)]
    state = changes.uninstall(changes.apply(cluster(ISTIO), [*ist, route]), ISTIO)
    assert state.get("networking.istio.io", "VirtualService", "ist", "v") is None
    assert state.get("", "Namespace", "", "istio-system") is None
    with pytest.raises(NotModelledError, match="still runs istio-proxy"):
        send(state, "ist/client", "http://web/")
    assert told(send(changes.restart(state, "ist"), "ist/client", "http://web/")) == {"200 from ist/web": 1}


@pytest.mark.parametrize(
    ("first", "second", "older"),
    [
        ("", "", "b"),
        ("2026-01-02T00:00:00+00:00", "2026-01-01T00:00:00+00:00", "a"),
        ("", "2026-01-01T00:00:00+00:00", "a"),
        ("2026-01-01T00:00:00+00:00", "", "b"),
    ],
)
def test_age_is_the_time_of_a_dump_then_the_order_of_application(first, second, older):
    route = resource("HTTPRoute", "bare/b", "{}")
    state = changes.apply(cluster(ISTIO), [replace(route, created=first)])
    state = changes.apply(state, [replace(resource("HTTPRoute", "bare/a", "{}"), created=second)])
    assert state.all(route.group, route.kind)[0].name == older
    again = changes.apply(state, [route])  # what is applied again stays as old as it was
    assert again.all(route.group, route.kind)[0].name == older


def test_installing_twice_changes_nothing():
    state = changes.apply(cluster(ISTIO), APPS)
    assert changes.install(state, ISTIO) is state
    assert changes.uninstall(state, LINKERD) is state
