from __future__ import annotations

from dataclasses import replace

import pytest

from harness.base.errors import NotModelledError
from harness.base.vocabulary import Workload
from harness.model import Refused
from tests.model.clusters import ISTIO, LINKERD, app, cluster, resource, send, told

APPS = [*app("bare/client", "curlimages/curl"), *app("bare/web", "unknown/web", 80)]
WEB = Workload("bare", "web")


def proxies(state):
    return [pod.mesh for pod in state.pods_of(WEB)]


def test_a_namespace_acts_on_pods_started_later():
    state = cluster(ISTIO, LINKERD).apply(APPS)
    marked = state.mark("bare", labels={"istio-injection": "enabled"})
    assert proxies(marked) == [None]
    assert proxies(marked.restart("bare")) == [ISTIO]
    assert proxies(marked.restart("bare", workload="client")) == [None]
    moved = marked.mark(
        "bare", labels={"istio-injection": None}, annotations={"linkerd.io/inject": "enabled"}
    )
    assert proxies(moved.restart("bare")) == [LINKERD]


def test_an_unchanged_template_keeps_its_pods():
    state = cluster(ISTIO).apply(APPS).mark("bare", labels={"istio-injection": "enabled"})
    assert proxies(state.apply(APPS)) == [None]
    changed = app("bare/web", "unknown/web", 80, VERSION="2")
    assert proxies(state.apply(changed)) == [ISTIO]


def test_marks_outlive_an_apply_of_the_namespace():
    manifest = resource("Namespace", "bare", labels={"team": "a"})
    state = cluster(ISTIO).apply([manifest]).mark("bare", labels={"istio-injection": "enabled"})
    again = state.apply([resource("Namespace", "bare", labels={"team": "b"})])
    namespace = again.get("", "Namespace", "", "bare")
    assert namespace.data["metadata"]["labels"] == {"istio-injection": "enabled", "team": "b"}


def test_states_do_not_change():
    before = cluster(ISTIO)
    before.apply(APPS)
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
        cluster().apply([resource(kind, "bare/x", "{}", api)])
    assert words in caught.value.what


def test_a_namespace_must_be_there():
    with pytest.raises(Refused, match='namespaces "ghost" not found'):
        cluster().apply([resource("ConfigMap", "ghost/x")])
    assert cluster().apply([resource("ConfigMap", "default/x")])


def test_what_is_removed_is_gone():
    state = cluster().apply(APPS)
    assert proxies(state.remove(APPS)) == []
    assert proxies(state.remove([resource("Namespace", "bare")])) == []
    assert state.remove([resource("ConfigMap", "bare/never")]).objects == state.objects


def test_uninstalling_takes_kinds_and_webhooks_along():
    route = resource("VirtualService", "ist/v", "{hosts: [v], http: [{route: [{destination: {host: v}}]}]}")
    ist = [*app("ist/client", "curlimages/curl"), *app("ist/web", "unknown/web", 80)]
    state = cluster(ISTIO).apply([*ist, route]).uninstall(ISTIO)
    assert state.get("networking.istio.io", "VirtualService", "ist", "v") is None
    assert state.get("", "Namespace", "", "istio-system") is None
    with pytest.raises(NotModelledError, match="still runs istio-proxy"):
        send(state, "ist/client", "http://web/")
    assert told(send(state.restart("ist"), "ist/client", "http://web/")) == {"200 from ist/web": 1}


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
    state = cluster(ISTIO).apply([replace(route, created=first)])
    state = state.apply([replace(resource("HTTPRoute", "bare/a", "{}"), created=second)])
    assert state.all(route.group, route.kind)[0].name == older
    again = state.apply([route])  # what is applied again stays as old as it was
    assert again.all(route.group, route.kind)[0].name == older


def test_installing_twice_changes_nothing():
    state = cluster(ISTIO).apply(APPS)
    assert state.install(ISTIO) is state
    assert state.uninstall(LINKERD) is state
