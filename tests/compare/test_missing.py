"""What isn't among the manifests: what changes and is about it isn't decided, and never called the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from harness.cli import app

if TYPE_CHECKING:
    from pathlib import Path

ESTATE = """
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{name: http, port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec: {selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: i}]}}}
"""
GATEWAY_PODS = """
apiVersion: v1
kind: Service
metadata: {name: front, namespace: edge}
spec: {selector: {istio: front}, ports: [{name: http, port: 80}, {name: https, port: 443}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: front, namespace: edge}
spec:
  selector: {matchLabels: {istio: front}}
  template:
    metadata: {labels: {istio: front, sidecar.istio.io/inject: "true"}, annotations: {inject.istio.io/templates: gateway}}
    spec: {containers: [{name: istio-proxy, image: auto}]}
"""


def istio(kind: str, spec: str, name: str = "shop/x") -> str:
    namespace, _, short = name.partition("/")
    group = "security" if kind.endswith(("Policy", "Authentication")) else "networking"
    head = f"apiVersion: {group}.istio.io/v1\nkind: {kind}\nmetadata: {{name: {short}, namespace: {namespace}}}\n"
    return f"{head}spec: {spec}\n"


def gateway(tls: str = "", port: str = "{number: 80, name: http, protocol: HTTP}") -> str:
    servers = f"[{{port: {port}, hosts: [a.example.com]{tls}}}]"
    return istio("Gateway", f"{{selector: {{istio: front}}, servers: {servers}}}", "edge/front")


def https(mode: str) -> str:
    tls = f", tls: {{mode: {mode}, credentialName: cert}}"
    return gateway(tls, "{number: 443, name: https, protocol: HTTPS}")


BOUND = "hosts: [a.example.com], gateways: [edge/front], "
ROUTE = "http: [{match: [{uri: {prefix: /%s}}], route: [{destination: {host: web}}]}]"
POLICY = "action: DENY, rules: [{to: [{operation: {paths: [/%s]}}]}]"
PARENT = "gateway.networking.k8s.io/v1"
HTTP_ROUTE = f"apiVersion: {PARENT}\nkind: HTTPRoute\nmetadata: {{name: x, namespace: shop}}\nspec: {{parentRefs: [%s], "
RULES = "rules: [{matches: [{path: {value: /%s}}], backendRefs: [{name: web, port: 80}]}]}\n"

CASES = {
    "a VirtualService to a Service": (
        ESTATE,
        istio("VirtualService", "{hosts: [web], http: [{route: [{destination: {host: new-%s}}]}]}"),
    ),
    "a VirtualService at a Gateway": (ESTATE, istio("VirtualService", f"{{{BOUND}{ROUTE}}}")),
    "a VirtualService at a Gateway without pods": (
        f"{ESTATE}---\n{gateway()}",
        istio("VirtualService", f"{{{BOUND}{ROUTE}}}"),
    ),
    "a DestinationRule": (ESTATE, istio("DestinationRule", "{host: old, trafficPolicy: {tls: {mode: %s}}}")),
    "a policy by labels": (
        ESTATE,
        istio("AuthorizationPolicy", f"{{selector: {{matchLabels: {{app: old}}}}, {POLICY}}}"),
    ),
    "a policy by its namespace": (ESTATE, istio("AuthorizationPolicy", f"{{{POLICY}}}", "gone/x")),
    "a policy by its target": (
        ESTATE,
        istio(
            "AuthorizationPolicy",
            f"{{targetRefs: [{{group: gateway.networking.k8s.io, kind: Gateway, name: front}}], {POLICY}}}",
        ),
    ),
    "a route on a Gateway": (ESTATE, HTTP_ROUTE % "{name: front}" + RULES),
    "a route on a Service": (ESTATE, HTTP_ROUTE % "{group: '', kind: Service, name: old}" + RULES),
    "no Service at all": ("", istio("VirtualService", f"{{hosts: [web], {ROUTE}}}")),
    "what stands behind clients' certificates": (
        f"{ESTATE}---\n{GATEWAY_PODS}---\n{https('MUTUAL')}",
        istio("VirtualService", f"{{{BOUND}{ROUTE}}}"),
    ),
}


def compared(folder: Path, estate: str, texts: tuple[str, str]) -> tuple[int, str]:
    for side, text in zip(("before", "after"), texts, strict=True):
        (folder / f"{side}.yaml").write_text("---\n".join(filter(None, (estate, text))))
    result = CliRunner().invoke(app, ["compare", str(folder / "before.yaml"), str(folder / "after.yaml")])
    return result.exit_code, result.output


@pytest.mark.parametrize(("estate", "text"), CASES.values(), ids=CASES)
def test_what_is_about_missing_objects_is_not_decided(tmp_path: Path, estate: str, text: str):
    changed = text % "DISABLE" if "tls" in text else text % "a"
    other = text % "SIMPLE" if "tls" in text else text % "b"
    status, output = compared(tmp_path, estate, (changed, other))
    assert status == 1
    assert " undecided" in output.splitlines()[-1]


def test_what_both_sides_say_of_missing_objects_is_the_same(tmp_path: Path):
    estate, text = CASES["a policy by labels"]
    assert compared(tmp_path, estate, (text % "a", text % "a"))[0] == 0


BEHIND = {
    "a route": istio("VirtualService", f"{{{BOUND}{ROUTE}}}"),
    "a policy": istio("VirtualService", f"{{{BOUND}{ROUTE}}}" % "")
    + "---\n"
    + istio("AuthorizationPolicy", f"{{selector: {{matchLabels: {{istio: front}}}}, {POLICY}}}", "edge/x"),
}


@pytest.mark.parametrize("text", BEHIND.values(), ids=BEHIND)
def test_what_is_behind_https_is_compared_without_the_certificate(tmp_path: Path, text: str):
    estate = f"{ESTATE}---\n{GATEWAY_PODS}---\n{https('SIMPLE')}"
    status, output = compared(tmp_path, estate, (text % "a", text % "b"))
    assert "taken to be there, with certificates for their hosts: Secret edge/cert" in output
    assert (status, "undecided" in output) == (1, False)


def test_a_missing_certificate_beside_others_shuts_the_gateway(tmp_path: Path):
    secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: other, namespace: edge}\n"
    estate = f"{ESTATE}---\n{GATEWAY_PODS}---\n{secret}---\n{https('SIMPLE')}"
    status, output = compared(tmp_path, estate, (BEHIND["a route"] % "a", BEHIND["a route"] % "b"))
    assert status == 1
    assert "Gateway edge/front: undecided" in output


REDIRECTING = f"""
apiVersion: {PARENT}
kind: Gateway
metadata: {{name: front, namespace: shop}}
spec: {{gatewayClassName: istio, listeners: [{{name: http, port: 80, protocol: HTTP}}]}}
---
apiVersion: {PARENT}
kind: HTTPRoute
metadata: {{name: x, namespace: shop}}
spec:
  parentRefs: [{{name: front}}]
  rules: [{{filters: [{{type: RequestRedirect, requestRedirect: {{scheme: https, port: 8443}}}}]}}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: x, namespace: shop}}
spec:
  targetRefs: [{{group: gateway.networking.k8s.io, kind: Gateway, name: front}}]
  action: DENY
  rules: [{{to: [{{operation: {{hosts: [a.example.com]}}}}]}}]
"""


def test_a_gateway_that_redirects_is_decided(tmp_path: Path):
    assert compared(tmp_path, f"{ESTATE}---\n{REDIRECTING}", ("", ""))[0] == 0
