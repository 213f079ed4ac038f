from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.base.errors import HarnessError, NotModelledError, StageError
from harness.base.vocabulary import Workload
from harness.ground.model import ModelProvider
from harness.traffic.observables import Basis, Proxy
from harness.traffic.request import Request
from tests.model.clusters import ISTIO, LINKERD, app, resource, told

if TYPE_CHECKING:
    from harness.ground.ground import Provider

CLIENT, WEB = Workload("shop", "client"), Workload("shop", "web")
APPS = [*app("shop/client", "curlimages/curl"), *app("shop/web", "nginxdemos/hello:plain-text", 80)]
GET = Request(CLIENT, "http://web/")


@pytest.fixture
def provider() -> Provider:
    ground: Provider = ModelProvider()
    ground.deploy(APPS)
    return ground


def test_what_it_is(provider):
    assert (provider.name, provider.basis) == ("model", Basis.PREDICTED)
    assert provider.lacking(ISTIO) is provider.lacking(LINKERD) is None
    assert provider.send(GET, 100).n is None


def test_a_namespace_moves_between_meshes(provider):
    seen = []
    provider.install(ISTIO)
    provider.install(LINKERD)
    for meshes in ((), (ISTIO,), (LINKERD,), (ISTIO, LINKERD)):
        provider.place("shop", meshes)
        (pod,) = provider.pods(WEB)
        (group,) = provider.send(GET, 1, witness=True).groups
        seen.append((pod.proxies, bool(pod.skipped), str(group.outcome.hop).partition(" as ")[0]))
    assert seen == [
        ((), False, "plaintext"),
        ((Proxy(ISTIO, native=True),), False, "mutual TLS by istio"),
        ((Proxy(LINKERD, native=True),), False, "mutual TLS by linkerd"),
        ((Proxy(ISTIO, native=True),), True, "mutual TLS by istio"),
    ]


def test_namespaces_may_be_placed_before_they_are_made():
    ground = ModelProvider()
    ground.install(ISTIO)
    ground.place("shop", [ISTIO])
    ground.deploy([resource("Namespace", "shop"), *APPS])
    assert ground.pods(WEB)[0].proxies == (Proxy(ISTIO, native=True),)


def test_refusals(provider):
    provider.install(ISTIO)
    wrong = resource("VirtualService", "shop/v", "{hosts: [web]}")
    words = (
        'admission webhook "validation.istio.io" denied the request: '
        "configuration is invalid: http, tcp or tls must be provided in virtual service"
    )
    assert provider.refusal(wrong) == words
    with pytest.raises(StageError) as caught:
        provider.apply([wrong])
    assert caught.value.what == words
    assert caught.value.where == "test.yaml:v"
    right = resource("VirtualService", "shop/v", "{hosts: [web], http: [{directResponse: {status: 418}}]}")
    assert provider.refusal(right) is None
    assert told(provider.send(GET, 1)) == {"200 from shop/web": 1}


def test_not_modelled_passes_through(provider):
    provider.install(ISTIO)
    with pytest.raises(NotModelledError):
        provider.apply([resource("EnvoyFiltre", "shop/e", "{}", "networking.istio.io/v1alpha3")])


def test_changes_are_idempotent_and_undone(provider):
    provider.install(ISTIO)
    provider.place("shop", [ISTIO])
    route = resource("VirtualService", "shop/v", "{hosts: [web], http: [{directResponse: {status: 418}}]}")
    for _ in range(2):
        provider.apply([route])
    assert told(provider.send(GET, 1)) == {"418": 1}
    for _ in range(2):
        provider.remove([route])
    assert told(provider.send(GET, 1)) == {"200 from shop/web": 1}
    provider.clear()
    assert provider.pods(WEB) == ()


@pytest.mark.parametrize(
    ("url", "evidence"),
    [
        ("http://web/", "200 from shop/web"),
        ("http://web:81/", None),
        ("http://ghost/", None),
        ("http://client/", None),
    ],
)
def test_control(provider, url, evidence):
    provider.install(ISTIO)
    provider.place("shop", [ISTIO])
    provider.apply([resource("AuthorizationPolicy", "shop/none", "{}", "security.istio.io/v1")])
    request = Request(CLIENT, url)
    if evidence:
        assert told(provider.send(request, 1)) == {"403": 1}
        assert evidence in provider.control(request)
    else:
        with pytest.raises(HarnessError, match="nothing answers behind"):
            provider.control(request)
