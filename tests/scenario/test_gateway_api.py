"""The release of the Gateway API that a scenario is for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.base.errors import InputError
from harness.expectations import Result
from harness.ground.model import ModelProvider
from harness.run.runner import Runner
from harness.scenario import load_scenario
from tests.shop import APP

if TYPE_CHECKING:
    from pathlib import Path

    from harness.scenario import Scenario

ROUTE = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: shop}
spec:
  parentRefs: [{group: "", kind: Service, name: web, port: 80}]
  rules: [{retry: {codes: [503]}}]
"""

SETTINGS = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data: {mesh: "outboundTrafficPolicy: {mode: REGISTRY_ONLY}"}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: api, namespace: shop}
spec: {hosts: [api.example.org], ports: [{number: 443, name: https, protocol: HTTPS}], resolution: DNS}
"""

SCENARIO = """\
name: n
gateway_api: RELEASE
apps: [shop]
configs: {route: route.yaml, istio: settings.yaml, linkerd: {translate: istio}}
stages:
- name: istio
  mesh: {shop: istio}
  expect:
  - refused_by_api: {config: route, message: {contains: 'unknown field "spec.rules[0].retry"'}}
- name: linkerd
  apply: [linkerd]
  mesh: {shop: linkerd}
  expect:
  - egress: {from: shop/client, to: https://api.example.org/}
"""


def loaded(folder: Path, release: str) -> Scenario:
    apps = folder / "manifests/shop"
    apps.mkdir(parents=True)
    (apps / "apps.yaml").write_text("".join(APP.replace("NAME", name) for name in ("web", "client")))
    (folder / "route.yaml").write_text(ROUTE)
    (folder / "settings.yaml").write_text(SETTINGS)
    (folder / "s.yaml").write_text(SCENARIO.replace("RELEASE", release))
    return load_scenario(folder / "s.yaml")


@pytest.mark.parametrize(
    ("release", "refused", "opens"), [("1.6/standard", True, False), ("1.6/experimental", False, True)]
)
def test_a_scenario_says_what_is_served(tmp_path, release, refused, opens):
    scenario = loaded(tmp_path, release)
    runner = Runner(scenario, ModelProvider())
    results = [runner.judge(stage, stage.checks[-1]).result for stage in scenario.stages]
    assert results == [Result.PASS if holds else Result.FAIL for holds in (refused, opens)]
    lost = [one.topic for one in scenario.translations["linkerd"].findings if one.severity == "lost"]
    assert lost == ([] if opens else ["unserved"])


def test_a_release_that_there_isnt(tmp_path):
    with pytest.raises(InputError, match=r"s.yaml:2:\d+.*no release of the Gateway API is '3/standard'"):
        loaded(tmp_path, "3/standard")
