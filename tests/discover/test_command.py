"""The command `harness discover`: what it prints, and what it refuses."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.cli import app

ROOT = Path(__file__).parents[2]

ESTATE = """\
    apiVersion: v1
    kind: Namespace
    metadata: {name: shop, labels: {istio-injection: enabled}}
    ---
    apiVersion: v1
    kind: Namespace
    metadata: {name: prices, labels: {istio-injection: enabled}}
    ---
    apiVersion: apps/v1
    kind: Deployment
    metadata: {name: cart, namespace: shop}
    spec:
      selector: {matchLabels: {app: cart}}
      template:
        metadata: {labels: {app: cart}}
        spec:
          containers:
          - name: cart
            image: example.com/cart:1
            args: [--prices=http://prices.prices/]
    ---
    apiVersion: apps/v1
    kind: Deployment
    metadata: {name: prices, namespace: prices}
    spec:
      selector: {matchLabels: {app: prices}}
      template:
        metadata: {labels: {app: prices}}
        spec: {containers: [{name: prices, image: example.com/prices:1, ports: [{containerPort: 8080}]}]}
    ---
    apiVersion: v1
    kind: Service
    metadata: {name: prices, namespace: prices}
    spec: {selector: {app: prices}, ports: [{name: http, port: 80, targetPort: 8080}]}
    ---
    apiVersion: security.istio.io/v1
    kind: PeerAuthentication
    metadata: {name: default, namespace: prices}
    spec: {mtls: {mode: STRICT}}
    """

PRINTED = """\
features of Istio in use: 2 (1 changes, 1 translates)
  changes        PeerAuthentication mtls.mode STRICT ×1: [strict] a plaintext client gets 403 from Linkerd, where \
Istio resets the connection: one that says nothing yet is taken; do: change what watches for resets (PeerAuthentication prices/default, estate.yaml:39:15)
  translates     Namespace label istio-injection enabled ×2 (Namespace shop, estate.yaml:3:33)

values of the installation: 1 (1 no equivalent)
  no equivalent  meshConfig.accessLogFormat: %PROTOCOL%: the format of Linkerd's access log can't be changed; \
do: read apache or json (values.yaml:1:14)

order to migrate in: 2 stages, 1 call between namespaces known, 1 × plaintext summed over the stages \
(no other order has fewer)
  1. namespace prices: 1 call plaintext
     shop/cart to prices/prices: Deployment shop/cart spec.template.spec.containers[0].args[0]
     needs in prices: all-unauthenticated in place of all-authenticated, until all of its callers have moved: \
PeerAuthentication prices/default spec.mtls.mode (estate.yaml:39:15)
  2. namespace shop: no boundary
"""


def invoke(*arguments: str):
    return CliRunner().invoke(app, ["discover", *arguments])


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "estate.yaml").write_text(textwrap.dedent(ESTATE))
    (tmp_path / "values.yaml").write_text("meshConfig: {accessLogFormat: '%PROTOCOL%'}\n")
    return tmp_path


def test_what_is_printed(files: Path):
    result = invoke("estate.yaml", "--helm-values", "values.yaml")
    assert result.stdout == PRINTED
    assert result.exit_code == 0


def test_json(files: Path):
    told = json.loads(invoke("estate.yaml", "--helm-values", "values.yaml", "--json").stdout)
    assert [(one["name"], one["verdict"], one["count"]) for one in told["features"]] == [
        ("PeerAuthentication mtls.mode STRICT", "changes", 1),
        ("Namespace label istio-injection enabled", "translates", 2),
    ]
    assert [one["name"] for one in told["settings"]] == ["meshConfig.accessLogFormat"]
    migration = told["migration"]
    assert (migration["boundaries"], migration["exact"], migration["assumed"]) == (1, True, False)
    first = migration["stages"][0]
    assert first["moves"] == "prices"
    assert [(one["caller"], one["server"]) for one in first["boundaries"]] == [("shop/cart", "prices/prices")]
    assert [(one["place"], one["trust"]["resource"]) for one in first["needs"]] == [
        ("prices", "PeerAuthentication prices/default")
    ]


def test_values_alone(files: Path):
    lines = invoke("--helm-values", "values.yaml").stdout.splitlines()
    assert lines[0] == "features of Istio in use: none"
    assert lines[-1] == "order to migrate in: no namespace is in Istio's mesh"


def test_the_demos(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)
    result = invoke("manifests/faces", "manifests/configs/faces/istio", "manifests/clients")
    assert "no equivalent  VirtualService http[].fault.delay ×1: [fault-injection]" in result.stdout
    assert "manifests/configs/faces/istio/smiley-delay.yaml:8" in result.stdout
    assert "1. gateway istio-system/istio-ingressgateway: no boundary" in result.stdout


# arguments, what is said
REFUSED = {
    "nothing": ([], "nothing to look at"),
    "files and a cluster": (
        ["estate.yaml", "--context", "x"],
        "--context goes with neither manifests nor --gateway-api",
    ),
    "a kubeconfig without a context": (
        ["estate.yaml", "--kubeconfig", "x"],
        "--kubeconfig goes with --context",
    ),
    "a file that isn't there": (["nowhere.yaml"], "nowhere.yaml: can't be read"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str, files: Path):
    arguments, expected = REFUSED[name]
    result = invoke(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert expected in result.stderr
