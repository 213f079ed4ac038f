"""The steps of a stage: which, in which order, and what is told of wrong ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.base.errors import InputError
from harness.base.vocabulary import Workload
from harness.ground.model import ModelProvider
from harness.scenario import load_scenario
from tests.shop import APP

CANARY = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: canary, namespace: shop}
spec:
  hosts: [web]
  http:
  - route:
    - {destination: {host: web}, weight: 40}
    - {destination: {host: web2}, weight: 60}
"""
HEAD = """\
name: n
apps: [shop]
configs:
  istio: configs/shop/canary.yaml
  linkerd: {translate: istio}
stages:
- name: first
  install: [istio, linkerd]
  mesh: {shop: istio}
  apply: [istio]
- name: second
"""
ALL = """\
  run: [echo, hello]
  wait: {for: Deployment shop/web, condition: Available, within: 5s}
  uninstall: [istio]
  remove: [istio]
  restart: [shop, shop/web]
  mesh: {shop: linkerd, shop/web2: none}
  translate: [linkerd]
  patch:
  - {target: VirtualService shop/canary, merge: {spec: {hosts: [web]}}}
  apply: [linkerd]
  install: [linkerd]
"""
ORDER = [
    "install linkerd",
    "apply linkerd",
    "patch VirtualService shop/canary",
    "translate linkerd",
    "mesh shop: linkerd",
    "mesh shop/web2: none",
    "restart shop",
    "restart shop/web",
    "remove istio",
    "uninstall istio",
    "wait until Deployment shop/web is Available",
    "run echo hello",
]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for folder in ("manifests/shop", "configs/shop"):
        (tmp_path / folder).mkdir(parents=True)
    apps = "".join(APP.replace("NAME", name) for name in ("web", "web2", "client"))
    (tmp_path / "manifests/shop/apps.yaml").write_text(apps)
    (tmp_path / "configs/shop/canary.yaml").write_text(CANARY)
    monkeypatch.chdir(tmp_path)

    def write(text: str) -> Path:
        Path("x.yaml").write_text(text)
        return Path("x.yaml")

    return write


def steps(path: Path, index: int) -> list[str]:
    return [str(step) for step in load_scenario(path).stages[index].steps]


def test_the_order_is_always_the_same(write):
    path = write(HEAD + ALL)
    assert steps(path, 1) == ORDER
    assert steps(path, 0) == ["install istio, linkerd", "mesh shop: istio", "deploy the apps", "apply istio"]


def test_workloads_of_the_first_stage_are_placed_once_they_are_there(write):
    path = write(HEAD.replace("{shop: istio}", "{shop: istio, shop/web: none}"))
    assert steps(path, 0)[1:] == ["mesh shop: istio", "deploy the apps", "apply istio", "mesh shop/web: none"]


def test_steps_say_another_order(write):
    path = write(HEAD + "  steps:\n  - remove: [istio]\n  - apply: [linkerd]\n    mesh: {shop: linkerd}\n")
    assert steps(path, 1) == ["remove istio", "install linkerd", "apply linkerd", "mesh shop: linkerd"]


def test_steps_of_the_first_stage_deploy_the_apps_first(write):
    path = write(HEAD.replace("  mesh: {shop: istio}\n  apply: [istio]\n", "").replace(
        "  install: [istio, linkerd]", "  steps:\n  - mesh: {shop: istio}\n  - apply: [istio]"))  # fmt: skip
    assert steps(path, 0) == ["install istio", "mesh shop: istio", "deploy the apps", "apply istio"]


def test_a_stage_s_digest_is_of_its_steps(write):
    first = load_scenario(write(HEAD + "  mesh: {shop: [linkerd, istio]}\n")).stages[1].digest
    again = load_scenario(write(HEAD + "  mesh: {shop: [istio, linkerd]}\n  expect: []\n")).stages[1].digest
    other = load_scenario(write(HEAD + "  mesh: {shop: [istio]}\n")).stages[1].digest
    assert first == again != other


def test_how_meshes_are_installed(write):
    Path("values.yaml").write_text("")
    meshes = "meshes: {istio: {version: '1.31', charts: istio, values: values.yaml}, linkerd: {version: edge-26.8.3}}\n"
    [istio, linkerd] = load_scenario(write(meshes + HEAD)).stages[0].meshes.values()
    assert (istio.version, istio.installer, istio.source, str(istio.values)) == (
        "1.31",
        "helm",
        "istio",
        "values.yaml",
    )
    assert (linkerd.version, linkerd.installer, linkerd.source) == ("edge-26.8.3", "cli", "")


# name: (lines of the second stage, line:column, words)
WRONG = {
    "a misspelt step": ("  aply: [istio]\n", "12:3", "did you mean apply?"),
    "a misspelt step of steps": ("  steps: [{aply: [istio]}]\n", "12:12", "did you mean apply?"),
    "a config that isn't there": ("  steps: [{apply: [isto]}]\n", "12:20", "did you mean istio?"),
    "a config that isn't translated": ("  translate: [istio]\n", "12:15", "unknown translated config 'istio'; valid: linkerd"),
    "keys beside steps": ("  apply: [istio]\n  steps: [{remove: [istio]}]\n", "11:3", "apply beside steps"),
    "no such workload": ("  mesh: {shop/wbe: none}\n", "12:10", "did you mean shop/web?"),
    "no such namespace": ("  restart: [shp]\n", "12:13", "did you mean shop?"),
    "no object": ("  wait: {for: web}\n", "12:10", "write Kind namespace/name"),
    "a wait for two things": ("  wait: {for: A b, condition: C, field: d}\n", "12:3", "one of condition, field and absent"),
    "a value of no field": ("  wait: {for: A b, is: 1}\n", "12:3", "'is' goes with 'field'"),
    "a misspelt key of a wait": ("  wait: {for: A b, conditon: C}\n", "12:20", "did you mean condition?"),
    "no patch": ("  patch: [{target: A b}]\n", "12:11", "one of merge and json"),
    "two patches in one": ("  patch: [{target: A b, merge: {}, json: []}]\n", "12:11", "one of merge and json"),
    "a wrong operation": ("  patch: [{target: A b, json: [{op: ad, path: /a}]}]\n", "12:11", "unknown operation 'ad'"),
    "a command as text": ("  run: echo hello\n", "12:3", "'run': must be a list"),
}  # fmt: skip


@pytest.mark.parametrize(("lines", "place", "words"), WRONG.values(), ids=WRONG)
def test_wrong_steps(write, lines: str, place: str, words: str):
    with pytest.raises(InputError) as caught:
        load_scenario(write(HEAD + lines))
    assert words in str(caught.value)
    assert caught.value.where == f"x.yaml:{place}"


WRONG_HEADS = {
    "a translation of nothing": (HEAD.replace("translate: istio", "translate: isto"), "5:13", "unknown config of manifests 'isto'"),
    "a misspelt translation": (HEAD.replace("translate: istio", "transalte: istio"), "5:13", "did you mean translate?"),
    "an unknown mesh": ("meshes: {istoi: {}}\n" + HEAD, "1:10", "did you mean istio?"),
    "two installers": ("meshes: {istio: {charts: a, manifests: b}}\n" + HEAD, "1:10", "one of installer, charts and manifests"),
    "no manifests": ("meshes: {istio: {manifests: b.yaml}}\n" + HEAD, "1:18", "no file or folder 'b.yaml'"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "place", "words"), WRONG_HEADS.values(), ids=WRONG_HEADS)
def test_wrong_heads(write, text: str, place: str, words: str):
    with pytest.raises(InputError) as caught:
        load_scenario(write(text))
    assert words in str(caught.value)
    assert caught.value.where == f"x.yaml:{place}"


# -- on the model


def after(path: Path, stages: int) -> ModelProvider:
    scenario, provider = load_scenario(path), ModelProvider()
    site = scenario.site(provider)
    for stage in scenario.stages[:stages]:
        for step in stage.steps:
            step.perform(site)
    return provider


def proxies(provider: ModelProvider, name: str) -> set[str]:
    return {proxy.mesh.value for pod in provider.pods(Workload("shop", name)) for proxy in pod.proxies}


def found(provider: ModelProvider, kind: str, name: str) -> list:
    return [
        one.live for one in provider.state.objects.values() if (one.live.kind, one.live.name) == (kind, name)
    ]


def test_a_workload_goes_its_own_way(write):
    provider = after(write(HEAD + "  mesh: {shop/web: linkerd, shop/web2: none}\n"), 2)
    assert [proxies(provider, name) for name in ("web", "web2", "client")] == [{"linkerd"}, set(), {"istio"}]


def test_a_translation_follows_its_source(write):
    patch = "  patch: [{target: VirtualService shop/canary, json: [{op: replace, path: /spec/http/0/route/0/weight, value: 7}]}]\n"
    provider = after(write(HEAD + patch + "  translate: [linkerd]\n"), 2)
    [route] = found(provider, "HTTPRoute", "canary")
    assert [one["weight"] for one in route.data["spec"]["rules"][0]["backendRefs"]] == [7, 60]


def test_a_patch_may_be_done_again(write):
    patch = "  patch: &p [{target: Service shop/web, json: [{op: add, path: /spec/ports/-, value: {name: b, port: 81}}]}]\n"
    provider = after(write(HEAD + patch + "- name: third\n  patch: *p\n"), 3)
    [service] = found(provider, "Service", "web")
    assert [port["port"] for port in service.data["spec"]["ports"]] == [80, 81]


def test_a_namespace_may_be_patched(write):
    patch = (
        "  patch: [{target: Namespace shop, merge: {metadata: {labels: {team: a, istio-injection: null}}}}]\n"
    )
    provider = after(write(HEAD + patch + "  restart: [shop]\n"), 2)
    assert proxies(provider, "web") == set()
    [namespace] = found(provider, "Namespace", "shop")
    assert namespace.data["metadata"]["labels"] == {"team": "a"}


FAILING = {
    "a patch of nothing": ("  patch: [{target: Service shop/nosuch, merge: {}}]\n", "Service shop/nosuch isn't there"),
    "a patch that doesn't fit": (
        "  patch: [{target: Service shop/web, json: [{op: replace, path: /spec/nosuch, value: 1}]}]\n", "can't be patched",
    ),
    "a patch that a webhook refuses": (
        "  patch: [{target: VirtualService shop/canary, merge: {spec: {http: [{}]}}}]\n", "validation.istio.io",
    ),
    "a wait for nothing": ("  wait: {for: Service shop/nosuch}\n", "Service shop/nosuch is there: it never will be"),
    "a wait for its end": ("  wait: {for: Service shop/web, absent: true}\n", "it never will be"),
    "a wait for another value": ("  wait: {for: Service shop/web, field: spec.ports.0.port, is: 81}\n", "it never will be"),
}  # fmt: skip


@pytest.mark.parametrize(("lines", "words"), FAILING.values(), ids=FAILING)
def test_steps_that_fail(write, lines: str, words: str):
    from harness.base.errors import StageError

    with pytest.raises(StageError, match=words):
        after(write(HEAD + lines), 2)


def test_waits_that_are_met(write):
    lines = """\
  wait:
  - {for: Deployment shop/web, condition: Available}
  - {for: Service shop/web, field: spec.ports.0.port, is: 80}
  - {for: Service shop/nosuch, absent: true}
"""
    after(write(HEAD + lines), 2)
