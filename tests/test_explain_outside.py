"""`harness explain --from outside`: as the internet asks, through the gateway that has the host."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from harness.cli import app

if TYPE_CHECKING:
    from pathlib import Path

APPS = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME, namespace: shop}
spec:
  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME}}
    spec: {containers: [{name: NAME, image: l5d/echo:v1, ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: NAME, namespace: shop}
spec: {selector: {app: NAME}, ports: [{port: 80, targetPort: 8080}]}
---
"""
ISTIO = """\
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: shop}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [shop.example]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: edge, namespace: shop}
spec: {hosts: [shop.example], gateways: [edge], http: [{route: [{destination: {host: web}}]}]}
---
"""
GATEWAY_API = """\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: kube, namespace: shop}
spec: {gatewayClassName: istio, listeners: [{name: http, port: 80, protocol: HTTP, hostname: kube.example}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: kube, namespace: shop}
spec: {parentRefs: [{name: kube}], rules: [{backendRefs: [{name: api, port: 80}]}]}
---
"""
ALL = ISTIO + GATEWAY_API
EDGE, KUBE = "istio-system/istio-ingressgateway", "shop/kube-istio"

# name: (configuration, arguments, the first lines of what is told)
TOLD = {
    "Istio's gateway": (ISTIO, ["--from", "outside", "http://shop.example/"], EDGE, "200 from shop/web"),
    "the one with the host": (ALL, ["--from", "outside", "http://kube.example/"], KUBE, "200 from shop/api"),
    "the Host header": (
        ALL,
        ["--from", "outside", "http://1.2.3.4/", "-H", "host: kube.example"],
        KUBE,
        "200 from shop/api",
    ),
    "the only one": (ISTIO, ["--from", "outside", "http://none.example/"], EDGE, "404"),
    "the one that is named": (
        ALL,
        ["--from", "outside", "--through", KUBE, "http://shop.example/"],
        KUBE,
        "404",
    ),
}
# name: (who sends it, the URL, the first line of what is told)
OWN = {
    "to a Service": (EDGE, "http://web.shop/", "200 from shop/web"),
    "of the Gateway API's": (KUBE, "http://api.shop/", "200 from shop/api"),
    "a port that the gateway hasn't": (EDGE, "http://web.shop:8080/", "timed out (curl 28)"),
    "a host of its own": (EDGE, "http://shop.example/", "could not resolve host (curl 6)"),
}  # fmt: skip
WRONG = {
    "no gateway has it": (ALL, ["--from", "outside", "http://none.example/"], f"none of several gateways has none.example: {EDGE}, {KUBE}"),
    "no gateway": ("", ["--from", "outside", "http://shop.example/"], "there is no gateway among the manifests"),
    "an address from inside": (ALL, ["--from", "shop/web", "--address", "192.0.2.1", "http://shop.example/"], "--address goes with --from outside alone"),
    "no address": (ALL, ["--from", "outside", "--address", "here", "http://shop.example/"], "'here' isn't an IP address"),
    "through from inside": (ALL, ["--from", "shop/web", "--through", KUBE, "http://shop.example/"], "--through goes with --from outside alone"),
}  # fmt: skip


def explain(tmp_path: Path, config: str, arguments: list[str]):
    file = tmp_path / "shop.yaml"
    file.write_text("".join(APPS.replace("NAME", name) for name in ("web", "api")) + config)
    return CliRunner().invoke(app, ["explain", "-f", str(file), *arguments])


@pytest.mark.parametrize(("config", "arguments", "gateway", "answer"), TOLD.values(), ids=TOLD)
def test_it_comes_in_through(tmp_path: Path, config: str, arguments: list[str], gateway: str, answer: str):
    result = explain(tmp_path, config, arguments)
    assert result.exit_code == 0, result.stderr
    request, outcome, *_ = result.stdout.splitlines()
    assert f"through {gateway} GET" in request
    assert outcome.startswith(f"└── always: {answer}")


@pytest.mark.parametrize(("source", "url", "answer"), OWN.values(), ids=OWN)
def test_a_gateways_own_call_goes_round_its_proxy(tmp_path: Path, source: str, url: str, answer: str):
    result = explain(tmp_path, ALL, ["--from", source, url])
    request, outcome, *_ = result.stdout.splitlines()
    assert request == f"{source} GET {url} without a proxy, predicted by the model"
    assert outcome == f"└── always: {answer}"
    assert f"what comes in through it: --from outside --through {source}" in result.stderr


JOB = """\
apiVersion: batch/v1
kind: Job
metadata: {name: once, namespace: shop}
spec:
  template:
    spec: {serviceAccountName: once, restartPolicy: Never, containers: [{name: once, image: curl}]}
---
"""


def test_what_comes_to_an_end_is_no_caller(tmp_path: Path):
    result = explain(tmp_path, JOB, ["--from", "shop/once", "http://web.shop/"])
    assert result.exit_code == 2
    assert "why: Job shop/once makes pods that come to an end" in result.stderr


@pytest.mark.parametrize(("config", "arguments", "words"), WRONG.values(), ids=WRONG)
def test_no_way_in(tmp_path: Path, config: str, arguments: list[str], words: str):
    result = explain(tmp_path, config, arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr
