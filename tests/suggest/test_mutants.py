"""A suggested scenario isn't green over another configuration: a change to any rule of its last stage is seen."""

from __future__ import annotations

from typing import Any

import pytest

from harness.api.node import live
from harness.expectations import Ground, Result
from harness.ground.model import ModelProvider
from harness.model import changes
from harness.run.runner import Runner
from harness.scenario import load_scenario
from harness.suggest.stages import Still
from tests.suggest.estates import app
from tests.suggest.test_suggest import run, written

APPS = app("shop/web") + app("shop/spare") + app("shop/prices").replace(
    "ports: [{name: http, port: 80}]", "ports: [{name: http, port: 80}, {name: http-b, port: 81, targetPort: 80}]"
)  # fmt: skip
CONFIG = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: prices, namespace: shop}
spec:
  hosts: [prices]
  http:
  - match: [{uri: {exact: /one}}, {uri: {prefix: /two}, headers: {user: {exact: ann}}}]
    route: [{destination: {host: spare}}]
  - route: [{destination: {host: prices}}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: spare, namespace: shop}
spec:
  selector: {matchLabels: {app: spare}}
  rules:
  - from: [{source: {principals: [cluster.local/ns/shop/sa/web, cluster.local/ns/shop/sa/prices]}}]
    to: [{operation: {methods: [GET], paths: [/one, /two, /three]}}]
"""


PRICES = "prices.shop.serviceaccount.identity.linkerd.cluster.local"


@pytest.fixture(scope="module")
def last(tmp_path_factory):
    """The last stage of a suggested scenario: what it expects, and the state that it is in."""
    folder = tmp_path_factory.mktemp("suggested")
    result = run(*written(folder, apps=APPS, istio=CONFIG), "-o", str(folder / "moving.yaml"))
    assert result.exit_code == 0, result.output
    scenario, provider = load_scenario(folder / "moving.yaml"), ModelProvider()
    Runner(scenario, provider).reach(len(scenario.stages) - 1)
    return scenario, provider.state


def _red(last, change) -> bool:
    """Whether an expectation fails where each leaf of what was translated is what `change` makes of it."""
    scenario, state = last
    objects = [state.get(*each.key) for each in scenario.configs["linkerd"]]
    changed = [live({**each.data, "spec": _mapped(each.data["spec"], change)}) for each in objects]
    if change is not _same:
        assert [each.data for each in changed] != [each.data for each in objects]
    still = Still(changes.apply(state, changed))
    ground = Ground(still, scenario.apps, scenario.configs)
    expectations = (each.expectation for each in scenario.stages[-1].checks if "during" not in each.name)
    return any(each.judge(ground).result is not Result.PASS for each in expectations)


def _mapped(value: Any, change) -> Any:
    if isinstance(value, dict):
        return {key: _mapped(each, change) for key, each in value.items()}
    return [_mapped(each, change) for each in value] if isinstance(value, list) else change(value)


def _same(leaf: Any) -> Any:
    return leaf


def test_nothing_is_red_where_nothing_changes(last):
    assert not _red(last, _same)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("/one", "/on"),
        ("/two", "/tw"),
        ("/two.*", "/two"),
        ("/three", "/thre"),
        ("user", "users"),
        ("ann", "anna"),
        ("GET", "PUT"),
        (PRICES, "nobody"),
    ],
)
def test_a_change_to_a_value_is_red(last, old: str, new: str):
    assert _red(last, lambda leaf: new if leaf == old else leaf)


def test_a_run_says_how_much_is_not_covered(last):
    scenario, _ = last
    number = scenario.path.read_text().partition("# Not covered:")[2].count("\n# - ")
    assert number
    assert f"not covered: {number}, which the end of the file lists" in scenario.notes


@pytest.mark.parametrize("port", [80, 81])
def test_a_route_is_seen_on_each_port(last, port: int):
    scenario, state = last
    routes = [
        route
        for route in scenario.configs["linkerd"]
        if route.kind == "HTTPRoute" and any(parent.get("port") == port for parent in route.data["spec"]["parentRefs"])
    ]  # fmt: skip
    assert routes
    still = Still(changes.remove(state, routes))
    ground = Ground(still, scenario.apps, scenario.configs)
    expectations = (each.expectation for each in scenario.stages[-1].checks if "during" not in each.name)
    assert any(each.judge(ground).result is not Result.PASS for each in expectations)
