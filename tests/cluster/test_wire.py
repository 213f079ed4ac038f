"""What a server's port shows on the wire, and from where it is looked at."""

from __future__ import annotations

import pytest

from harness.base.errors import StageError
from harness.base.vocabulary import Mesh
from harness.cluster.api.settings import ClusterSettings
from harness.cluster.api.streams import Finished
from harness.cluster.probing import wire as module
from harness.cluster.probing.attribution import Shown
from harness.cluster.probing.wire import NAME, Wire, shown
from harness.meshes.linkerd import Linkerd
from tests.cluster.fakes import FakeClient, pod

AT = "Pod shop/web-1, port 8080"
SPIFFE = "spiffe://cluster.local/ns/shop/sa/web"
DNS = "web.shop.serviceaccount.identity.linkerd.cluster.local"
ASKED = "CONNECTED(00000003)\n---\nAcceptable client certificate CA names\nO = cluster.local\n"
NONE = "CONNECTED(00000003)\n---\nno peer certificate available\n---\n"


def names(*sans):
    return f"X509v3 Subject Alternative Name: critical\n    {', '.join(sans)}\n"


@pytest.mark.parametrize(
    ("name", "said", "plain", "found"),
    [
        ("STRICT", names(f"URI:{SPIFFE}") + ASKED, "56 000", Shown(AT, (SPIFFE,), asks=True, plaintext=False)),
        ("PERMISSIVE", names(f"URI:{SPIFFE}") + ASKED, "0 400", Shown(AT, (SPIFFE,), asks=True, plaintext=True)),
        ("Linkerd", names(f"DNS:{DNS}") + ASKED, "0 400", Shown(AT, (DNS,), asks=True, plaintext=True)),
        ("the application's own TLS", names("DNS:a.example", "DNS:b.example") + "CONNECTED(3)\n", "52 000",
         Shown(AT, ("a.example", "b.example"), asks=False, plaintext=False)),
        ("no TLS", NONE, "0 400", Shown(AT, plaintext=True)),
        ("no TLS, and nothing said", NONE, "28 000", Shown(AT, plaintext=None)),
        ("nobody there", "connect:errno=111\n", "7 000", None),
        ("time-out", "", "28 000", None),
        ("no curl", NONE, "", Shown(AT, plaintext=None)),
    ],
)  # fmt: skip
def test_reading(name, said, plain, found):
    assert shown(f"{said}\n--plain {plain}\n", AT) == found


class Plane:
    user = 1337

    def hello(self, server):
        return ("", "istio")


@pytest.fixture
def looking(monkeypatch):
    """Returns a function that looks, and what was run where and as whom."""

    def look(source, server, code=0, openssl_image="", add=None):
        done = []

        def ensure(client, pod, image, deadline, *, name, user):
            if add:
                raise add
            done.append((pod["metadata"]["name"], image, name, user))
            return name

        def execute(client, namespace, name, container, argv, deadline):
            done.append((container, argv[4:]))
            return Finished(code, f"{NONE}\n--plain 0 400\n", "")

        monkeypatch.setattr(module.sources, "add_container", ensure)
        monkeypatch.setattr(module, "execute", execute)
        settings = ClusterSettings(openssl_image=openssl_image, curl_image="curl")
        provided = []
        wire = Wire(FakeClient(), settings, provided.extend, {Mesh.ISTIO: Plane(), Mesh.LINKERD: Plane()})
        found = [wire.look(source, server, 8080) for _ in range(2)]
        return found, done, provided

    return look


def at(name, proxy=None, ip="10.0.0.9"):
    made = pod(name, native=proxy) if proxy else pod(name)
    for container in (*(made["spec"].get("initContainers") or ()), *made["spec"]["containers"]):
        container.setdefault("image", f"image-of-{container['name']}")
    made.setdefault("status", {})["podIP"] = ip
    return made


@pytest.mark.parametrize(
    ("name", "client", "server", "options", "equipped", "asked"),
    [
        ("past Istio's proxy", at("client", "istio-proxy"), at("web"), {}, ("image-of-istio-proxy", 1337), ("", "")),
        ("its image is the server's", at("client"), at("web", "istio-proxy"), {}, ("image-of-istio-proxy", 65532), ("", "istio")),
        ("no Istio about", at("client"), at("web"), {}, ("curl", 65532), ("", "")),
        ("the image that is asked for", at("client"), at("web"), {"openssl_image": "mine"}, ("mine", 65532), ("", "")),
    ],
)  # fmt: skip
def test_from_where_and_as_whom(looking, name, client, server, options, equipped, asked):
    found, done, provided = looking(client, server, **options)
    image, user = equipped
    assert done[:2] == [("client", image, NAME, user), (NAME, ["10.0.0.9:8080", *asked])]
    assert provided == [image, image]
    assert found[0] is not None
    assert found[0].where == "Pod shop/web, port 8080"


def test_addresses_of_ipv6(looking):
    _, done, _ = looking(at("client"), at("web", ip="fd00::9"))
    assert done[1][1][0] == "[fd00::9]:8080"


@pytest.mark.parametrize(
    ("name", "options", "looks"),
    [
        ("no openssl: asked once", {"code": 3}, 1),
        ("the container can't be had", {"add": StageError("forbidden")}, 0),
    ],
)
def test_nothing_is_seen_where_that_can_t_be(looking, name, options, looks):
    found, done, _ = looking(at("client"), at("web"), **options)
    assert found == [None, None]
    assert sum(one[0] == NAME for one in done) == looks


def test_a_pod_without_address_isn_t_looked_at(looking):
    found, done, _ = looking(at("client"), at("web", ip=""))
    assert (found, done) == ([None, None], [])


def test_the_name_of_linkerds_proxies():
    server = at("web", "linkerd-proxy")
    server["spec"]["serviceAccountName"] = "web"
    server["spec"]["initContainers"][0]["env"] = [{"name": "_l5d_trustdomain", "value": "estate.example"}]
    assert Linkerd.hello(None, server) == ("web.shop.serviceaccount.identity.linkerd.estate.example", "")
