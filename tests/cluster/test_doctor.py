from __future__ import annotations

from pathlib import Path

import pytest

from harness.base.errors import StageError
from harness.base.settings import KNOBS
from harness.ground import doctor
from harness.ground.doctor import diagnose
from tests.cluster.fakes import FakeRun

ISTIO = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: istiod, namespace: istio-system}
spec: {template: {spec: {containers: [{name: a, image: 'docker.io/istio/pilot:1'}]}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: gateway, namespace: istio-system}
spec: {template: {spec: {containers: [{name: a, image: auto}]}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: istio-sidecar-injector, namespace: istio-system}
data: {values: '{"global": {"hub": "docker.io/istio", "tag": "1", "proxy": {"image": "proxyv2"}}}'}
"""
LINKERD = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: linkerd-destination, namespace: linkerd}
spec: {template: {spec: {containers: [{name: a, image: 'l5d/controller:1'}, {name: b, image: 'l5d/proxy:1'}]}}}
"""
TOOLS = ("docker", "kind", "kubectl", "istioctl", "linkerd")


@pytest.fixture
def machine(monkeypatch):
    for knob in KNOBS:
        monkeypatch.delenv(knob.variable, raising=False)

    def make(*missing, lacks=(), broken=()):
        for name in ("find", "meshes"):
            target = doctor if name == "find" else __import__("harness.meshes.charts", fromlist=["find"])
            monkeypatch.setattr(target, "find", lambda tool: None if tool in missing else Path("/bin", tool))
        monkeypatch.setattr(doctor, "find_spec", lambda name: None if name in missing else object())
        answers = {f"docker image inspect --format {{{{.Id}}}} {image}": StageError("no") for image in lacks}
        answers |= {tool: StageError("no", why="it is broken") for tool in broken}
        working = {
            "docker version": "27.0",
            "docker image ls": "kindest/node:v1.34.4",
            "docker image inspect": "sha256:1",
            "istioctl manifest": ISTIO,
            "linkerd install": LINKERD,
        }
        return diagnose(FakeRun(answers | {key: said for key, said in working.items() if key not in answers}))

    return make


CAN, CANT, PULLS = "can run", "can't run", "can run if images can be pulled"


@pytest.mark.parametrize(
    ("name", "missing", "rest", "kind", "istio", "linkerd", "both"),
    [
        ("all is there", (), {}, True, CAN, CAN, CAN),
        ("no Docker", ("docker",), {}, False, CANT, CANT, CANT),
        ("Docker doesn't answer", (), {"broken": ("docker version",)}, False, CANT, CANT, CANT),
        ("no pytest-kind", ("pytest_kind",), {}, False, CANT, CANT, CANT),
        ("no linkerd", ("linkerd",), {}, True, CAN, CANT, CANT),
        ("no istioctl", ("istioctl",), {}, True, CANT, CAN, CANT),
        ("no sidecar image", (), {"lacks": ("docker.io/istio/proxyv2:1",)}, True, PULLS, CAN, PULLS),
    ],
)
def test_what_can_run(machine, name, missing, rest, kind, istio, linkerd, both):
    found = machine(*missing, **rest)
    assert found.can_run() is kind
    assert found.lines()[-3:] == (
        f"scenarios with Istio on kind {istio}",
        f"scenarios with Linkerd on kind {linkerd}",
        f"scenarios with two meshes on kind {both}",
    )


def test_what_is_missing_comes_with_what_to_do(machine):
    lines = machine("kind", "linkerd", lacks=("docker.io/istio/pilot:1",), broken=("kubectl",)).lines()
    told = {line.split("  ")[0].strip(): line for line in lines}
    assert "✗ kind" in told
    assert told["✗ kind"].endswith("missing: kind isn't on PATH: https://kind.sigs.k8s.io")
    assert "https://linkerd.io/2/getting-started" in told["- linkerd"]
    assert "it is broken" in told["✗ kubectl"]
    assert told["- Istio's images"].endswith(
        "not in the local Docker, pulled at need: docker.io/istio/pilot:1"
    )
