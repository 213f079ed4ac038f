import json
from pathlib import Path

import pytest

from harness.api import marks
from harness.api.gateway_api.reference import ParentRef
from harness.base.errors import StageError
from harness.base.vocabulary import Mesh
from harness.cluster.api.discovery import Discovery
from harness.cluster.api.settings import ClusterSettings
from harness.cluster.api.waiting import Deadline
from harness.cluster.objects.apply import Applier
from harness.meshes import istio
from harness.meshes.istio import Istio, install_argv
from harness.meshes.istio_tls import TLS_STATISTICS
from tests.cluster.fakes import FakeClient, FakeRun, deployment, not_found, pod
from tests.model.clusters import resource

SUFFIXES = "meshConfig.defaultConfig.proxyStatsMatcher.inclusionSuffixes"
OWN = "spec: {meshConfig: {defaultConfig: {proxyStatsMatcher: {inclusionSuffixes: [a, b]}}}}"
WEBHOOK = {
    "apiVersion": "admissionregistration.k8s.io/v1",
    "kind": "MutatingWebhookConfiguration",
    "metadata": {"name": "istio-sidecar-injector"},
}


def plane(client, run=None):
    applier = Applier(client, Discovery(client))
    return Istio(client, applier, run or FakeRun(), Path("/k"), ClusterSettings())


@pytest.mark.parametrize(
    ("name", "config", "has", "first"),
    [
        ("default profile", None, ["--set", "profile=default"], 0),
        ("a file", "spec: {profile: minimal}", ["-f"], 0),
        ("a file with statistics of its own", OWN, ["-f"], 2),
        ("an empty file", "", ["-f"], 0),
    ],
)
def test_install_adds_the_statistics_that_are_evidence(tmp_path, name, config, has, first):
    file = tmp_path / "istio.yaml"
    file.write_text(config or "")
    found = install_argv("istioctl", Path("/k"), None if config is None else file, 120)
    assert found[:6] == ["istioctl", "install", "-y", "--kubeconfig", "/k", "--readiness-timeout"]
    assert found[6] == "120s"
    assert found[7 : 7 + len(has)] == has
    assert [part for part in found if part.startswith(SUFFIXES)] == [
        f"{SUFFIXES}[{first + index}]={suffix}" for index, suffix in enumerate(TLS_STATISTICS)
    ]


def test_uninstall_takes_the_root_namespace_too():
    there = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "istio-system"}}
    client, run = FakeClient(there), FakeRun()
    plane(client, run).uninstall(Deadline(5))
    assert run.ran == ["istioctl uninstall --purge -y --kubeconfig /k"]
    assert client.objects == {}


@pytest.mark.parametrize(
    ("name", "objects", "installed", "healthy"),
    [
        ("nothing", [], False, False),
        ("ready", [deployment("istiod", namespace="istio-system"), WEBHOOK], True, True),
        ("not ready", [deployment("istiod", namespace="istio-system", ready=0), WEBHOOK], True, False),
        (
            "scaled to none",
            [deployment("istiod", namespace="istio-system", ready=0, replicas=0), WEBHOOK],
            True,
            False,
        ),
        ("no webhook", [deployment("istiod", namespace="istio-system")], True, False),
    ],
)
def test_health(name, objects, installed, healthy):
    found = plane(FakeClient(*objects))
    assert (found.installed(), found.healthy()) == (installed, healthy)


def test_what_is_lacking(tmp_path):
    assert "isn't on PATH" in Istio.missing(ClusterSettings(istioctl="no-such-istioctl"))
    assert "isn't there" in Istio.missing(ClusterSettings(istioctl="sh", istio_config=tmp_path / "no.yaml"))
    assert Istio.missing(ClusterSettings(istioctl="sh")) is None


@pytest.mark.parametrize(
    ("metadata", "asks"),
    [
        ({"labels": {"istio-injection": "enabled"}}, True),
        ({"labels": {"istio.io/rev": "1-31"}}, True),
        ({"labels": {"istio-injection": "disabled"}}, False),
        ({"annotations": {"linkerd.io/inject": "enabled"}}, False),
        ({}, False),
    ],
)
def test_which_namespace_asks(metadata, asks):
    assert plane(FakeClient()).asks({"metadata": metadata}) is asks


def test_asking_and_taking_it_back():
    nothing = {"istio-injection": None, "istio.io/rev": None}, {"linkerd.io/inject": None}
    assert marks.placing([]) == nothing
    assert marks.placing([Mesh.ISTIO]) == (nothing[0] | {"istio-injection": "enabled"}, nothing[1])
    assert marks.placing([Mesh.LINKERD]) == (nothing[0], {"linkerd.io/inject": "enabled"})


@pytest.mark.parametrize(
    ("parent", "reports"),
    [
        ({"kind": "Service", "group": "", "name": "web"}, True),
        ({"kind": "Service", "group": "core", "name": "web"}, False),
        ({"kind": "Service", "name": "web"}, False),
        ({"kind": "Gateway", "name": "web"}, False),
    ],
)
def test_which_parents_it_reports_on(parent, reports):
    parent = ParentRef(resource("HTTPRoute", "shop/r"), "spec.parentRefs[0]", parent)
    assert plane(FakeClient()).reports_on("gateway.networking.k8s.io", parent) is reports


class Envoys(FakeClient):
    """Proxies that take each of istiod's pushes in a while after it was made."""

    def __init__(self, *objects, late=2, error="", gone=False):
        super().__init__(*objects)
        self.late, self.error, self.gone = late, error, gone
        self.held: set[str] = set()
        self.history: list[str] = []

    def get_admin(self, client, namespace, name, port, path, deadline):
        assert (client, port) == (self, 15000)
        if self.gone:
            self.objects = {where: item for where, item in self.objects.items() if "/pods/" not in where}
            raise not_found(name)
        if "dynamic_listeners" in path:
            state = {"error_state": {"details": self.error}} if self.error else {}
            return json.dumps({"configs": [{"name": "virtualInbound", **state}]})
        self.late -= 1
        if self.late <= 0:
            filters = {
                item["metadata"]["name"] for item in self.objects.values() if item["kind"] == "EnvoyFilter"
            }
            if filters != self.held:
                self.late, self.held = 2, filters
                self.history.append("present" if filters else "absent")
        return json.dumps({"configs": sorted(self.held)})


@pytest.fixture
def settle(monkeypatch):
    def run(client, seconds=5):
        monkeypatch.setattr(istio, "get", client.get_admin)
        monkeypatch.setattr(istio, "_POLL_SECONDS", 0.001)
        plane(client).settle({"shop", "bare"}, Deadline(seconds))

    return run


PROXIED = pod(native="istio-proxy")


def test_settles_when_the_proxies_have_seen_the_marker_come_and_go(settle):
    client = Envoys(PROXIED)
    settle(client)
    assert client.history == ["present", "absent"]
    assert not [item for item in client.objects.values() if item["kind"] == "EnvoyFilter"]


@pytest.mark.parametrize(("name", "objects"), [("no pods", []), ("no proxies", [pod()])])
def test_nothing_to_settle(settle, name, objects):
    client = Envoys(*objects)
    settle(client)
    assert not [call for call in client.calls if call[0] != "GET"]


@pytest.mark.parametrize(
    ("name", "made", "seconds", "words"),
    [
        ("the marker never arrives", {"late": 10**9}, 0.05, "didn't reach 1 proxies"),
        ("a listener is refused", {"error": "bad filter"}, 5, "refuses its listener virtualInbound"),
    ],
)
def test_proxies_that_dont_take_it(settle, name, made, seconds, words):
    client = Envoys(PROXIED, **made)
    with pytest.raises(StageError, match=words) as caught:
        settle(client, seconds)
    assert caught.value.where == "Pod shop/web-6b5d4d5f74-xxnlk"
    assert not [item for item in client.objects.values() if item["kind"] == "EnvoyFilter"], (
        "the marker is gone"
    )


def test_a_pod_that_goes_away_meanwhile_is_not_waited_for(settle):
    settle(Envoys(PROXIED, gone=True))
