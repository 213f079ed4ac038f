"""A scenario in namespaces of its own: what is renamed, what isn't, and that nothing else changes."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from harness.base.errors import HarnessError
from harness.ground.model import ModelProvider
from harness.run.runner import Runner
from harness.scenario import load_scenario
from harness.scenario.isolation import isolated, needs_whole_cluster

ROOT = Path(__file__).parents[2]
SHIPPED = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "scenarios").rglob("*.yaml"))

SCENARIO = """
name: shop
apps: [./app.yaml]
configs: {config: ./config.yaml}
stages:
- name: shop.istio
  mesh: {shop: istio}
  apply: [config]
  expect:
  - name: shop/web asks
    allow: {from: shop/web, to: http://api.shop/}
"""
APP = """
apiVersion: v1
kind: Service
metadata: {name: api, namespace: shop}
spec: {selector: {app: api}, ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: shop/web:1}]}}
"""


@pytest.fixture
def written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(config, scenario=SCENARIO):
        Path("app.yaml").write_text(APP)
        Path("config.yaml").write_text(yaml.safe_dump(config))
        Path("shop.yaml").write_text(scenario)
        return load_scenario(Path("shop.yaml"))

    return write


def config(**spec):
    api_version, kind = spec.pop("apiVersion", "v1"), spec.pop("kind", "ConfigMap")
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "c", "namespace": "shop"}, **spec}


ISTIO, SECURITY = "networking.istio.io/v1", "security.istio.io/v1"

# name: (a part of an object, the same in the namespace t-shop)
RENAMED = {
    "a full host": ({"host": "api.shop.svc.cluster.local"}, {"host": "api.t-shop.svc.cluster.local"}),
    "a short host": ({"host": "api.shop"}, {"host": "api.t-shop"}),
    "a wildcard": ({"hosts": ["*.shop.svc.cluster.local"]}, {"hosts": ["*.t-shop.svc.cluster.local"]}),
    "a url": ({"value": "http://api.shop:80/x"}, {"value": "http://api.t-shop:80/x"}),
    "hosts in a list": ({"value": "a.shop:1,b.shop:2"}, {"value": "a.t-shop:1,b.t-shop:2"}),
    "an argument": ({"args": ["--api=api.shop:80"]}, {"args": ["--api=api.t-shop:80"]}),
    "Envoy's cluster": (
        {"name": "outbound|80||api.shop.svc.cluster.local"},
        {"name": "outbound|80||api.t-shop.svc.cluster.local"},
    ),
    "Istio's identity": (
        {"principals": ["cluster.local/ns/shop/sa/web"]},
        {"principals": ["cluster.local/ns/t-shop/sa/web"]},
    ),
    "Linkerd's identity": (
        {"identities": ["web.shop.serviceaccount.identity.linkerd.cluster.local"]},
        {"identities": ["web.t-shop.serviceaccount.identity.linkerd.cluster.local"]},
    ),
    "a reference": (
        {"ref": {"name": "api", "namespace": "shop"}},
        {"ref": {"name": "api", "namespace": "t-shop"}},
    ),
    "a namespace": (
        {"targetRef": {"kind": "Namespace", "name": "shop"}},
        {"targetRef": {"kind": "Namespace", "name": "t-shop"}},
    ),
    "namespaces": ({"namespaces": ["shop", "other"]}, {"namespaces": ["t-shop", "other"]}),
    "a prefix of one": ({"namespaces": ["sh*", "*", "o*"]}, {"namespaces": ["t-sh*", "*", "o*"]}),
    "where it is exported": ({"exportTo": [".", "shop"]}, {"exportTo": [".", "t-shop"]}),
    "a gateway": ({"gateways": ["shop/gate", "mesh"]}, {"gateways": ["t-shop/gate", "mesh"]}),
    "a selector": (
        {"matchLabels": {"kubernetes.io/metadata.name": "shop"}},
        {"matchLabels": {"kubernetes.io/metadata.name": "t-shop"}},
    ),
    "an expression": (
        {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["shop"]},
        {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["t-shop"]},
    ),
    "a condition": (
        {"when": [{"key": "source.namespace", "values": ["shop"]}]},
        {"when": [{"key": "source.namespace", "values": ["t-shop"]}]},
    ),
}
KEPT = {
    "a name": {"name": "shop"},
    "an image": {"image": "shop/web:1"},
    "a label": {"matchLabels": {"app": "shop"}},
    "another host": {"host": "shop.example.com"},
    "another's namespace": {"host": "api.shopping.svc.cluster.local"},
    "a path": {"path": "/shop/api.shop.html"},
    "values of another key": {"key": "app", "operator": "In", "values": ["shop"]},
    "a control plane": {"namespaces": ["istio-system"]},
}


@pytest.mark.parametrize(("part", "renamed"), RENAMED.values(), ids=RENAMED)
def test_what_names_a_namespace_is_renamed(written, part, renamed):
    scenario = isolated(written(config(data=part)), "t-")
    (found,) = scenario.configs["config"]
    assert found.data["data"] == renamed
    assert (found.namespace, found.data["metadata"]["namespace"]) == ("t-shop", "t-shop")


@pytest.mark.parametrize("part", KEPT.values(), ids=KEPT)
def test_what_only_looks_so_stays(written, part):
    (found,) = isolated(written(config(data=part)), "t-").configs["config"]
    assert found.data["data"] == part


def test_names_and_places_stay(written):
    scenario = written(config())
    found = isolated(scenario, "t-")
    (stage,), (check,) = found.stages, found.stages[0].checks
    assert (stage.name, check.name) == ("shop.istio", "shop/web asks")
    assert check.where == scenario.stages[0].checks[0].where
    assert [one.where for one in found.apps] == [one.where for one in scenario.apps]
    assert str(check.expectation.source) == "t-shop/web"
    assert check.expectation.to == "http://api.t-shop/"


@pytest.mark.parametrize("path", SHIPPED)
def test_verdicts_are_the_same_in_other_namespaces(monkeypatch, path):
    monkeypatch.chdir(ROOT)
    scenario = load_scenario(Path(path))
    assert _results(isolated(scenario, "t-")) == _results(scenario)


def _results(scenario):
    runner = Runner(scenario, ModelProvider())
    return [_result(runner, stage, check) for stage in scenario.stages for check in stage.checks]


def _result(runner, stage, check):
    try:
        return runner.judge(stage, check).result
    except HarnessError as error:
        return type(error)


def istio(kind, **spec):
    return config(apiVersion=ISTIO, kind=kind, spec=spec)


ENTRY = {"hosts": ["example.com"], "ports": [{"number": 80, "name": "http", "protocol": "HTTP"}]}
ROUTE = [{"route": [{"destination": {"host": "api"}}]}]
# name: (config, what of it needs the whole cluster)
WHOLE = {
    "a route of its own": (istio("VirtualService", hosts=["api.shop.svc.cluster.local"], http=ROUTE), None),
    "a route for a short name": (istio("VirtualService", hosts=["api"], http=ROUTE), None),
    "a route for another host": (
        istio("VirtualService", hosts=["example.com"], http=ROUTE),
        "it has VirtualService shop/c",
    ),
    "a gateway": (
        istio("Gateway", selector={"istio": "x"}, servers=[]),
        "it has Gateway shop/c",
    ),
    "an outside host": (istio("ServiceEntry", **ENTRY), "it has ServiceEntry shop/c"),
    "one for its namespace alone": (istio("ServiceEntry", exportTo=["."], **ENTRY), None),
    "a policy for the mesh": (
        {
            "apiVersion": SECURITY,
            "kind": "PeerAuthentication",
            "metadata": {"name": "default", "namespace": "istio-system"},
            "spec": {"mtls": {"mode": "STRICT"}},
        },
        "it has PeerAuthentication istio-system/default",
    ),
}


@pytest.mark.parametrize(("resource", "reason"), WHOLE.values(), ids=WHOLE)
def test_what_acts_on_others_needs_the_whole_cluster(written, resource, reason):
    assert needs_whole_cluster(written(resource)) == reason


# name: (a further stage, what of it needs the whole cluster)
STAGES = {
    "a mesh goes": ("uninstall: [istio]", "it would uninstall istio"),
    "a command": ("run: [echo, hello]", "it would run echo hello"),
    "a patch of another's object": (
        "patch: [{target: ConfigMap istio-system/istio, merge: {data: {}}}]",
        "it would patch ConfigMap istio-system/istio",
    ),
    "a patch of its namespace": ("patch: [{target: Namespace shop, merge: {metadata: {}}}]", None),
    "a patch of its own": ("patch: [{target: ConfigMap shop/c, merge: {data: {}}}]", None),
}


@pytest.mark.parametrize(("transition", "reason"), STAGES.values(), ids=STAGES)
def test_what_changes_the_cluster_needs_all_of_it(written, transition, reason):
    stages = f"{SCENARIO}- name: then\n  {transition}\n"
    assert needs_whole_cluster(written(config(), stages)) == reason
