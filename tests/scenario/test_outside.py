"""What a scenario tells of the world around a cluster: keys at a jwksUri, and what authorizers answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.base import InputError
from harness.expectations.verdict import Result
from harness.ground.model import ModelProvider
from harness.run.runner import Runner
from harness.scenario import load_scenario
from tests.model.test_istio_tokens import key_set, signed
from tests.shop import APP

if TYPE_CHECKING:
    from pathlib import Path

OBJECTS = """\
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: tokens, namespace: shop}
spec: {jwtRules: [{issuer: https://a.example, jwksUri: https://a.example/keys}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: asked, namespace: shop}
spec: {action: CUSTOM, provider: {name: opa}, rules: [{to: [{operation: {paths: [/asked]}}]}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: "extensionProviders: [{name: opa, envoyExtAuthzGrpc: {service: web.shop.svc.cluster.local, port: 80}}]"
"""
SCENARIO = """\
name: n
apps: [shop]
configs: {all: configs/all.yaml}
outside:
  jwks: {https://a.example/keys: configs/keys.json}
  authorizers: {opa: {status: 403, headers: {x-why: "no"}}}
stages:
- name: only
  mesh: {shop: istio}
  apply: [all]
  expect:
  - {name: token, allow: {from: shop/client, to: http://web/, headers: {authorization: Bearer TOKEN}}}
  - {name: asked, deny: {from: shop/client, to: http://web/asked}}
"""


@pytest.fixture
def scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for folder in ("manifests/shop", "configs"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "manifests/shop/apps.yaml").write_text(
        "".join(APP.replace("NAME", name) for name in ("web", "client"))
    )
    (tmp_path / "configs/all.yaml").write_text(OBJECTS)
    (tmp_path / "configs/keys.json").write_text(key_set())
    monkeypatch.chdir(tmp_path)

    def write(text: str) -> Path:
        (tmp_path / "x.yaml").write_text(text.replace("TOKEN", signed()))
        return tmp_path / "x.yaml"

    return write


def judged(path: Path) -> dict[str, Result]:
    scenario = load_scenario(path)
    runner = Runner(scenario, ModelProvider())
    return {
        check.name: runner.judge(stage, check).result for stage in scenario.stages for check in stage.checks
    }


def test_it_is_decided_by_what_is_told(scenario):
    assert judged(scenario(SCENARIO)) == {"token": Result.PASS, "asked": Result.PASS}
    allows = SCENARIO.replace("status: 403", "status: 200")
    assert judged(scenario(allows)) == {"token": Result.PASS, "asked": Result.FAIL}


def test_without_it_it_is_not_decided(scenario):
    text = "\n".join(
        line for line in SCENARIO.splitlines() if not line.startswith(("outside", "  jwks", "  authorizers"))
    )
    assert judged(scenario(text)) == dict.fromkeys(("token", "asked"), Result.INCONCLUSIVE)


def test_a_file_that_is_not_there_is_told(scenario):
    with pytest.raises(InputError, match="there is no file or folder"):
        load_scenario(scenario(SCENARIO.replace("keys.json", "none.json")))
