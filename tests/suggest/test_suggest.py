"""`harness suggest`: what a configuration says becomes the expectations of a scenario that passes."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import harness.ground.model

# pytester forgets what a run imported, unless it was imported before.
import harness.plugin.collection
import harness.report.terminal  # noqa: F401
from harness.cli import app as cli
from harness.manifests.documents import parse, plain
from harness.manifests.files import read, read_manifests
from harness.manifests.objects import from_api
from harness.scenario import load_scenario
from harness.scenario.schema import scenario_schema
from harness.suggest import stages, writer
from harness.suggest.sources import Role, of_objects, of_paths
from tests.suggest.estates import BOOKS, BOOKS_CONFIG, SHOP, SUBSETS, app, written

ROOT = Path(__file__).parents[2]


@dataclass
class Scenario:
    """A scenario as it was written: its text, and its expectations by stage (`always` among them) and name."""

    text: str
    data: dict[str, Any]
    told: str

    @property
    def entries(self) -> dict[str, dict[str, dict[str, Any]]]:
        parts = {"always": self.data.get("always") or []}
        parts |= {stage["name"]: stage.get("expect") or [] for stage in self.data["stages"]}
        return {where: {one["name"]: _bare(one) for one in part} for where, part in parts.items()}

    @property
    def notes(self) -> str:
        """The comments at the top, each in a line."""
        head = self.text.partition("\n\n")[0]
        return head.replace("\n#   ", " ")

    @property
    def uncovered(self) -> str:
        """The lines at the end about what isn't covered."""
        return self.text.partition("# Not covered:\n")[2].replace("\n#   ", " ")


def _bare(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if key != "name"}


def run(*arguments: str):
    return CliRunner().invoke(cli, ["suggest", *arguments])


def suggested(folder: Path, *arguments: str, **files: str) -> Scenario:
    file = folder / "moving.yaml"
    result = run(*written(folder, **files), "-o", str(file), *arguments)
    assert result.exit_code == 0, result.output
    return Scenario(file.read_text(), plain(file.read_text()), result.stdout)


def service(name: str, spec: str) -> str:
    head = "apiVersion: networking.istio.io/v1\nkind: VirtualService\n"
    return (
        f"{head}metadata: {{name: {name}, namespace: shop}}\nspec: {{hosts: [{name}], http: [{spec}]}}\n---\n"
    )


def policy(spec: str, kind: str = "AuthorizationPolicy") -> str:
    head = f"apiVersion: security.istio.io/v1\nkind: {kind}\n"
    return f"{head}metadata: {{name: prices, namespace: shop}}\nspec: {spec}\n---\n"


def to(name: str, subset: str = "", weight: int = 0) -> str:
    more = f", subset: {subset}" if subset else ""
    return f"{{destination: {{host: {name}{more}}}" + (f", weight: {weight}}}" if weight else "}")


PRICES = {"from": "shop/web", "to": "http://prices/"}
CART = {"from": "shop/web", "to": "http://cart/"}

INGRESS = {"from": "outside/curl", "headers": {"host": "harness-elsewhere.com"}}
TOKENS = policy(
    "{jwtRules: [{issuer: shop.example, jwks: '{\"keys\": []}'}]}", "RequestAuthentication"
) + policy(
    "{selector: {matchLabels: {app: prices}}, rules: [{from: [{source: {requestPrincipals: ['*']}}]}]}"
)
EDGE = """\
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: door, namespace: shop}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: door, namespace: shop}
spec: {hosts: ['*'], gateways: [door], http: [{route: [{destination: {host: web}}]}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: edge, namespace: istio-system}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  action: DENY
  rules: [{to: [{operation: {paths: [/admin, /metrics]}}]}]
---
"""
# Istio's configuration of the shop; then the stage, the name, and the expectation that comes of it
CASES = {
    "a split": (
        SUBSETS + service("prices", f"{{route: [{to('prices', 'v1', 80)}, {to('prices', 'v2', 20)}]}}"),
        "always",
        "prices is split prices-v1 80, prices-v2 20",
        {"split": {**PRICES, "weights": {"prices-v1": 80, "prices-v2": 20}}},
    ),
    "a split of thirds": (
        SUBSETS + service("prices", f"{{route: [{to('prices', 'v1', 2)}, {to('prices', 'v2', 1)}]}}"),
        "always",
        "prices is split prices-v1 2, prices-v2 1",
        {"split": {**PRICES, "weights": {"prices-v1": 2, "prices-v2": 1}}},
    ),
    "a rule for a path": (
        SUBSETS
        + service(
            "prices",
            f"{{match: [{{uri: {{exact: /new}}}}], route: [{to('prices', 'v2')}]}}, {{route: [{to('prices', 'v1')}]}}",
        ),
        "always",
        "prices /new goes to prices-v2",
        {"split": {**PRICES, "to": "http://prices/new", "weights": {"prices-v2": 100}}},
    ),
    "what no rule takes": (
        service("cart", f"{{match: [{{uri: {{exact: /new}}}}], route: [{to('cart')}]}}"),
        "always",
        "cart gets 404",
        {"response": {**CART, "status": 404}},
    ),
    "another Service": (
        service("cart", f"{{match: [{{headers: {{x-trial: {{exact: 'yes'}}}}}}], route: [{to('web')}]}}, {{route: [{to('cart')}]}}"),
        "always",
        "cart with x-trial yes goes to web",
        {"split": {**CART, "headers": {"x-trial": "yes"}, "weights": {"web": 100}}},
    ),
    "no weights over two versions": (
        service("prices", f"{{route: [{to('prices')}]}}"),
        "always",
        "prices is answered",
        {"allow": PRICES},
    ),
    "a header": (
        service("cart", f"{{headers: {{response: {{set: {{x-routed-by: istio}}}}}}, route: [{to('cart')}]}}"),
        "always",
        "cart comes with x-routed-by",
        {"response": {**CART, "header": {"x-routed-by": "istio"}}},
    ),
    "a time limit": (
        service("cart", f"{{timeout: 2s, route: [{to('cart')}]}}"),
        "always",
        "cart takes 2 s at most",
        {"latency": {**CART, "at_most": "3s"}},
    ),
    "a delay": (
        service("cart", f"{{fault: {{delay: {{fixedDelay: 3s, percentage: {{value: 100}}}}}}, route: [{to('cart')}]}}"),
        "istio",
        "cart is delayed by 3 s",
        {"latency": {**CART, "at_least": "2.94s", "at_most": "4s"}},
    ),
    "a delay that is lost": (
        service("cart", f"{{fault: {{delay: {{fixedDelay: 3s, percentage: {{value: 100}}}}}}, route: [{to('cart')}]}}"),
        "linkerd",
        "cart isn't delayed",
        {"latency": {**CART, "at_most": "2.4s"}},
    ),
    "an abort of some": (
        service("cart", f"{{fault: {{abort: {{httpStatus: 503, percentage: {{value: 10}}}}}}, route: [{to('cart')}]}}"),
        "both control planes",
        "cart gets 200 90, 503 10",
        {"split": {**CART, "by": "status", "weights": {"200": 90, "503": 10}}},
    ),
    "an abort that is lost": (
        service("cart", f"{{fault: {{abort: {{httpStatus: 503, percentage: {{value: 10}}}}}}, route: [{to('cart')}]}}"),
        "linkerd",
        "cart is answered",
        {"allow": CART},
    ),
    "who may call": (
        policy("{selector: {matchLabels: {app: prices}}, rules: [{from: [{source: {principals: [cluster.local/ns/shop/sa/cart]}}]}]}"),
        "always",
        "GET prices by shop/cart is allowed",
        {"allow": {"from": "shop/cart", "to": "http://prices/"}},
    ),
    "who may not": (
        policy("{selector: {matchLabels: {app: prices}}, rules: [{from: [{source: {principals: [cluster.local/ns/shop/sa/cart]}}]}]}"),
        "always",
        "GET prices by shop/web is denied",
        {"deny": {"from": "shop/web", "to": "http://prices/"}},
    ),
    "of two policies the one that the trace doesn't name": (
        policy("{selector: {matchLabels: {app: prices}}, rules: [{from: [{source: {principals: [cluster.local/ns/shop/sa/cart]}}]}]}")
        + policy("{selector: {matchLabels: {app: prices}}, rules: [{from: [{source: {principals: [cluster.local/ns/shop/sa/cart]}}]}]}").replace("name: prices", "name: twice"),
        "always",
        "GET prices by shop/web is denied",
        {"deny": {"from": "shop/web", "to": "http://prices/"}},
    ),
    "which method": (
        policy("{selector: {matchLabels: {app: prices}}, rules: [{to: [{operation: {methods: [GET]}}]}]}"),
        "always",
        "POST prices by shop/web is denied",
        {"deny": {**PRICES, "method": "POST"}},
    ),
    "a path that is shut": (
        policy("{action: DENY, selector: {matchLabels: {app: prices}}, rules: [{to: [{operation: {paths: [/admin]}}]}]}"),
        "always",
        "GET prices /admin by shop/web is denied",
        {"deny": {**PRICES, "to": "http://prices/admin"}},
    ),
    "nobody at all": (
        policy("{selector: {matchLabels: {app: prices}}}"),
        "always",
        "GET prices by shop/web is denied",
        {"deny": PRICES},
    ),
    "a stranger": (
        policy("{rules: [{from: [{source: {namespaces: [shop]}}]}]}"),
        "always",
        "GET cart by clients/curl is denied",
        {"deny": {"from": "clients/curl", "to": "http://cart.shop/"}},
    ),
    "no plaintext": (
        policy("{mtls: {mode: STRICT}}", "PeerAuthentication"),
        "always",
        "GET cart by outside/curl is denied",
        {"deny": {"from": "outside/curl", "to": "http://cart.shop/"}},
    ),
    "a mirror": (
        service("cart", f"{{mirror: {{host: web}}, route: [{to('cart')}]}}"),
        "istio",
        "cart is copied to shop/web (100%)",
        {"mirror": {**CART, "at": "shop/web", "share": "100%"}},
    ),
    "a mirror that is lost": (
        service("cart", f"{{mirror: {{host: web}}, route: [{to('cart')}]}}"),
        "linkerd",
        "cart is copied to shop/web (0%)",
        {"mirror": {**CART, "at": "shop/web", "share": "0%"}},
    ),
    "a path that is rewritten": (
        service("cart", f"{{match: [{{uri: {{exact: /old}}}}], rewrite: {{uri: /new}}, route: [{to('cart')}]}}, {{route: [{to('cart')}]}}"),
        "istio",
        "cart /old arrives with path /new",
        {"rewrite": {**CART, "to": "http://cart/old", "path": "/new"}},
    ),
    "a header that servers see": (
        service("cart", f"{{headers: {{request: {{set: {{x-by: istio}}}}}}, route: [{to('cart')}]}}"),
        "always",
        "cart arrives with x-by",
        {"header": {**CART, "request": {"x-by": "istio"}}},
    ),
    "a host outside": (
        "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: api, namespace: shop}\n"
        "spec: {hosts: [api.example.com], ports: [{number: 80, name: http, protocol: HTTP}], resolution: DNS}\n---\n",
        "always",
        "api.example.com:80 leaves the cluster",
        {"egress": {"from": "shop/cart", "to": "http://api.example.com/"}},
    ),
    "what isn't a token": (
        TOKENS,
        "istio",
        "prices with authorization Bearer harness gets 401",
        {"response": {**PRICES, "headers": {"authorization": "Bearer harness"}, "status": 401}},
    ),
    "what is denied at the gateway": (
        EDGE,
        "always",
        "GET harness-elsewhere.com /admin by outside/curl is denied",
        {"deny": {**INGRESS, "to": "http://istio-ingressgateway.istio-system/admin"}},
    ),
    "what else is denied there": (
        EDGE,
        "always",
        "GET harness-elsewhere.com /metrics by outside/curl is denied",
        {"deny": {**INGRESS, "to": "http://istio-ingressgateway.istio-system/metrics"}},
    ),
    "what is below a prefix": (
        service("prices", f"{{match: [{{uri: {{prefix: /old}}}}], route: [{to('cart')}]}}, {{route: [{to('prices')}]}}"),
        "always",
        "prices /old/harness goes to cart",
        {"split": {**PRICES, "to": "http://prices/old/harness", "weights": {"cart": 100}}},
    ),
    "a hop under Istio": (
        "",
        "istio",
        "shop/web to cart is mutual TLS by istio",
        {"mtls": {**CART, "mesh": "istio"}},
    ),
    "a hop under Linkerd": (
        "",
        "linkerd",
        "shop/cart to prices is mutual TLS by linkerd",
        {"mtls": {"from": "shop/cart", "to": "http://prices/", "mesh": "linkerd"}},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("istio", "stage", "name", "expectation"), CASES.values(), ids=CASES)
def test_what_becomes_of_a_configuration(tmp_path, istio, stage, name, expectation):
    files = {"apps": SHOP} | ({"istio": istio} if istio else {})
    made = suggested(tmp_path, **files)
    found = made.entries
    assert name in found[stage], found
    assert found[stage][name] == expectation


def test_an_expectation_says_where_it_comes_from_and_why_it_changes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    delay = "fault: {delay: {fixedDelay: 3s, percentage: {value: 100}}}"
    made = suggested(Path(), apps=SHOP, istio=service("cart", f"{{{delay}, route: [{to('cart')}]}}"))
    assert (
        "  # VirtualService shop/cart spec.http[0].fault.delay, istio.yaml:4:39\n  - &cart-delay\n"
        in made.text
    )
    assert (
        "  # changes: before, cart is delayed by 3 s\n"
        "  # lost [fault-injection]: Linkerd's proxies inject no faults\n"
        "  - name: cart isn't delayed\n"
    ) in made.text


def test_the_stages(tmp_path):
    made = suggested(tmp_path, apps=SHOP, istio=SUBSETS)
    assert made.data["apps"][0] == "./apps.yaml"
    assert made.data["configs"] == {"istio": "./istio.yaml", "linkerd": {"translate": "istio"}}
    assert [{key: stage[key] for key in stage if key != "expect"} for stage in made.data["stages"]] == [
        {"name": "istio", "mesh": {"shop": "istio"}, "apply": ["istio"]},
        {"name": "both control planes", "install": ["linkerd"]},
        {"name": "linkerd", "apply": ["linkerd"], "mesh": {"shop": "linkerd"}, "remove": ["istio"]},
    ]
    assert "shop are taken to be Istio's" in made.notes


def test_namespaces_that_ask_for_no_proxy_stay_outside(tmp_path):
    marked = (
        "{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {istio-injection: enabled}}}\n---\n"
    )
    apps = marked + app("shop/web", calls=("old.legacy",)) + app("legacy/old")
    made = suggested(tmp_path, apps=apps)
    assert made.data["stages"][0]["mesh"] == {"shop": "istio"}
    assert made.entries["always"]["shop/web to old is plaintext"] == {
        "mtls": {"from": "shop/web", "to": "http://old.legacy/", "mode": "plaintext"}
    }


TWO = app("front/web", calls=("api.back",)) + app("back/api")


def test_namespace_by_namespace_the_boundary_is_plaintext(tmp_path):
    made = suggested(tmp_path, "--by-namespace", apps=TWO, istio=SUBSETS.replace("shop", "back"))
    places = [stage.get("mesh") for stage in made.data["stages"]]
    assert places == [
        {"front": "istio", "back": "istio"},
        None,
        {"back": "linkerd"},
        {"front": "linkerd"},
        None,
    ]
    hops = [[name for name in part if " to " in name] for part in made.entries.values()]
    assert [next(iter(names), None) for names in hops] == [
        None,
        "front/web to api is mutual TLS by istio",
        "front/web to api is mutual TLS by istio",
        "front/web to api is plaintext",
        "front/web to api is mutual TLS by linkerd",
        "front/web to api is mutual TLS by linkerd",
    ]
    assert "# changes: before, front/web to api is mutual TLS by istio" in made.text


def test_the_same_input_gives_the_same_text(tmp_path):
    texts = [
        suggested(tmp_path / name, apps=BOOKS, istio=BOOKS_CONFIG).text.replace(f"/{name}/", "/")
        for name in ("one", "two")
    ]
    assert texts[0] == texts[1]


def test_plain_requests_come_first(tmp_path):
    jwt = """\
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: web, namespace: shop}
spec: {selector: {matchLabels: {app: web}}, jwtRules: [{issuer: me, jwksUri: "https://me.example.com/", fromParams: [access_token]}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  rules: [{when: [{key: 'request.headers[x-team]', values: [a]}]}]
"""
    scenario = suggested(tmp_path, apps=app("shop/web") + app("shop/cart"), istio=jwt)
    names = [name for part in ("always", "istio") for name in scenario.entries[part]]
    assert not any("access-control" in name for name in names)
    asked = [name for name in names if name.startswith(("GET", "OPTIONS"))]
    assert not any("OPTIONS" in name for name in asked[: len(asked) // 2]), asked


def test_more_than_the_limit_is_told(tmp_path):
    made = suggested(tmp_path, "--limit", "2", apps=SHOP)
    hops = [name for name in made.entries["istio"] if " is mutual TLS " in name]
    assert len(hops) <= 2
    assert re.search("- mutual TLS: [0-9]+ more than the 2 that are written [(]--limit[)]", made.uncovered)


def test_objects_that_the_model_does_not_know_are_named(tmp_path):
    filter_ = (
        "apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {name: odd, namespace: shop}\n"
        "spec: {configPatches: []}\n---\n"
    )
    made = suggested(tmp_path, apps=SHOP, istio=filter_ + SUBSETS)
    assert f"# - {tmp_path}/istio.yaml:1:1: EnvoyFilter shop/odd: not decided: it changes" in made.uncovered
    config = tmp_path / made.data["configs"]["istio"]
    assert [one.kind for one in read_manifests(config)] == ["EnvoyFilter", "DestinationRule"]


# More apps, and Istio's configuration; then what the comments say that isn't covered
UNCOVERED = {
    "a rule after one that takes all": (
        "",
        service("cart", f"{{route: [{to('cart')}]}}, {{match: [{{uri: {{exact: /x}}}}], route: [{to('web')}]}}"),
        "VirtualService shop/cart spec.http[1]: no request that was tried is decided by it",
    ),
    "a policy for nobody's pods": (
        "",
        policy("{selector: {matchLabels: {app: nothing}}, action: DENY, rules: [{}]}"),
        "AuthorizationPolicy shop/prices spec.rules[0]: no request that was tried",
    ),
    "shares that nobody specifies": (
        "",
        service("cart", f"{{route: [{to('prices')}]}}"),
        "cart (routes): which of several workloads answers isn't specified",
    ),
    "a token that must be signed": (
        "",
        TOKENS,
        "GET prices with a token by shop/web: in stage linkerd 0.5 200 from shop/prices-v1 by mutual TLS",
    ),
    "what nobody answers": (
        app("shop/gone").partition("---")[0] + "---\n",
        SUBSETS,
        "Service shop/gone: no running pod is behind it",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("apps", "istio", "line"), UNCOVERED.values(), ids=UNCOVERED)
def test_what_is_not_covered_is_named(tmp_path, apps, istio, line):
    assert f"# - {line}" in suggested(tmp_path, apps=SHOP + apps, istio=istio).uncovered


def test_the_plaintext_caller_is_sent_where_strict_counts(tmp_path):
    strict = policy("{mtls: {mode: STRICT}}", "PeerAuthentication")
    open_ = policy("{selector: {matchLabels: {app: prices}}, mtls: {mode: PERMISSIVE}}", "PeerAuthentication")
    made = suggested(tmp_path, apps=SHOP, istio=strict + open_.replace("name: prices", "name: open"))
    assert "GET cart by outside/curl is denied" in made.entries["always"]


def test_namespaces_that_no_manifest_declares_are_written(tmp_path):
    elsewhere = EDGE.replace("host: web", "host: web.other.svc.cluster.local")
    made = suggested(tmp_path, apps=SHOP, istio=elsewhere + SUBSETS.replace("shop", "apart"))
    written = (read_manifests(tmp_path / name) for name in made.data["apps"])
    declared = [one.name for objects in written for one in objects if one.kind == "Namespace"]
    assert declared == ["apart", "other"]
    assert "The stages end here" not in made.notes
    assert [stage["name"] for stage in made.data["stages"]] == ["istio", "both control planes", "linkerd"]


def test_of_objects_with_one_name_the_last_counts(tmp_path):
    old, new = (service("cart", f"{{route: [{to(name)}]}}") for name in ("web", "cart"))
    made = suggested(tmp_path, apps=SHOP, canary=new, base=app("shop/cart") + old, istio=new)
    assert made.entries["always"]["cart is answered"] == {"allow": CART}


CHOOSING = "template:\n    metadata: {labels: {"
# What the namespace says, what the pods of `web` say; then which places the last stage gives to Linkerd
PLACES = {
    "nothing": ("", "", ["shop"]),
    "one that declines": ("", "false", ["shop"]),
    "one that asks": ("", "true", ["shop/web"]),
    "the namespace": ("enabled", "", ["shop"]),
    "the namespace, and one that declines": ("enabled", "false", ["shop"]),
    "a namespace that declines, one that asks": ("disabled", "true", ["shop/web"]),
}


@pytest.mark.parametrize(("namespace", "pods", "places"), PLACES.values(), ids=PLACES)
def test_which_places_move(tmp_path, namespace, pods, places):
    marked = f"{{apiVersion: v1, kind: Namespace, metadata: {{name: shop, labels: {{istio-injection: '{namespace}'}}}}}}\n---\n"
    web = app("shop/web", calls=("cart",))
    if pods:
        web = web.replace(CHOOSING, f"{CHOOSING}sidecar.istio.io/inject: '{pods}', ")
    apps = (marked if namespace else "") + web + app("shop/cart")
    made = suggested(tmp_path, apps=apps)
    assert [place for place in made.data["stages"][-1]["mesh"] if place != "clients"] == places


def test_policies_of_gateways_stay(tmp_path):
    made = suggested(tmp_path, apps=SHOP, istio=EDGE)
    last = made.data["stages"][-1]
    assert (last["apply"], last["remove"]) == (["linkerd", "gateways"], ["istio"])
    assert [str(one) for one in read_manifests(tmp_path / made.data["configs"]["gateways"])] == [
        "AuthorizationPolicy istio-system/edge"
    ]
    assert "Istio's gateways stay, and so does what is for them (gateways): AuthorizationPolicy" in made.notes


def test_tokens_are_told_from_hosts(tmp_path):
    edge = EDGE.replace("'*'", "shop.example.com")
    asked = policy(
        "{jwtRules: [{issuer: shop.example, jwksUri: https://shop.example/keys}]}", "RequestAuthentication"
    )
    needed = policy("{action: DENY, rules: [{from: [{source: {notRequestPrincipals: ['*']}}]}]}")
    at_edge = (asked + needed).replace("namespace: shop", "namespace: istio-system")
    made = suggested(tmp_path, apps=SHOP, istio=edge + at_edge)
    assert "it takes a token in the header authorization that shop.example signed" in made.uncovered.replace(
        "\n#  ", ""
    )


def test_gateways_have_the_certificates_that_they_name(tmp_path):
    tls = "port: {number: 443, name: https, protocol: HTTPS}, tls: {mode: SIMPLE, credentialName: door}"
    edge = EDGE.replace("port: {number: 80, name: http, protocol: HTTP}", tls).replace("'*'", "a.example.com")
    made = suggested(tmp_path, apps=SHOP, istio=edge)
    secrets = [
        each
        for path in made.data["apps"]
        for each in read_manifests(tmp_path / path)
        if each.kind == "Secret"
    ]
    assert [(str(each), *each.data["metadata"]["annotations"].values()) for each in secrets] == [
        ("Secret istio-system/door", "a.example.com")
    ]
    assert "taken to be there, with certificates for their hosts: Secret istio-system/door" in made.uncovered
    assert "VirtualService shop/door" not in made.uncovered


def test_a_file_of_all_kinds_is_taken_apart(tmp_path):
    made = suggested(tmp_path, all=SHOP + SUBSETS)
    assert made.data["apps"][0] == "moving-manifests/apps.yaml"
    assert made.data["configs"]["istio"] == "moving-manifests/istio.yaml"
    kinds = {one.kind for one in read_manifests(tmp_path / "moving-manifests/apps.yaml")}
    assert kinds == {"Deployment", "Service"}


def test_a_folder_of_both_kinds_is_named_by_its_files(tmp_path):
    written(tmp_path / "all", apps=SHOP, istio=SUBSETS)
    sources = of_paths([tmp_path / "all"], read([tmp_path / "all"]))
    assert [(one.role, one.name, one.path) for one in sources.every] == [
        (Role.APPS, "apps", tmp_path / "all/apps.yaml"),
        (Role.ISTIO, "istio", tmp_path / "all/istio.yaml"),
    ]


def test_a_revision_is_left_to_the_scenario(tmp_path):
    marked = (
        "{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {istio.io/rev: canary}}}\n---\n"
    )
    made = suggested(tmp_path, apps=marked + SHOP)
    assert made.data["stages"][0]["mesh"] == {"shop": "istio"}
    (namespace, *_) = read_manifests(tmp_path / made.data["apps"][0])
    assert namespace.data["metadata"]["labels"] == {"istio-injection": "enabled"}


def test_a_live_cluster_is_written_out_without_what_it_added():
    def live(api_version, kind, name, namespace, **parts):
        metadata = {
            "name": name,
            "namespace": namespace,
            "uid": "1",
            "creationTimestamp": "2026-01-02T03:04:05Z",
        }
        return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **parts}

    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": "any/web"}]}}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    ports = [{"port": 80, "nodePort": 30080}]
    objects = [
        live(
            "gateway.networking.k8s.io/v1",
            "GatewayClass",
            "istio",
            "",
            spec={"controllerName": "istio.io/it"},
        ),
        live("apps/v1", "Deployment", "istiod", "istio-system", spec=spec),
        live("apps/v1", "Deployment", "web", "shop", spec=spec, status={"replicas": 1}),
        live(
            "v1",
            "Service",
            "web",
            "shop",
            spec={"clusterIP": "10.96.1.1", "selector": labels, "ports": ports},
        ),
    ]
    sources = of_objects(from_api(objects, "context here"))
    (apps,) = sources.every
    assert [one.data["spec"] for one in apps.objects] == [spec, {"selector": labels, "ports": [{"port": 80}]}]
    assert {one.data["metadata"]["creationTimestamp"] for one in apps.objects} == {
        "2026-01-02T03:04:05+00:00"
    }
    assert "status" not in apps.objects[0].data
    assert sources.left_out == (
        "what the platform and the meshes' control planes are made of: the scenario installs them",
    )


MARKED = (
    "{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {istio-injection: enabled}}}\n---\n"
)
WRONG = {
    "nothing": ([], "nothing to read"),
    "no workloads": (["istio"], "there are no workloads in the manifests"),
    "nothing of Istio's": (["outside"], "nothing in the manifests is Istio's"),
    "both": (["apps", "--context", "here"], "--context goes with neither manifests nor --gateway-api"),
    "workloads that the model doesn't know": (
        ["odd"],
        "Deployment shop/web annotation proxy.istio.io/config",
    ),
    "nobody to call": (["alone"], "no expectation can be made of these manifests"),
}


@pytest.mark.parametrize(("arguments", "words"), WRONG.values(), ids=WRONG)
def test_what_can_not_be_done_is_told(tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    outside = "{apiVersion: v1, kind: Namespace, metadata: {name: lnk, annotations: {linkerd.io/inject: enabled}}}\n---\n"
    settings = "metadata: {annotations: {proxy.istio.io/config: 'interceptionMode: TPROXY'}, labels"
    odd = MARKED + app("shop/web").replace("metadata: {labels", settings)
    alone = app("shop/web").replace("kind: Service", "kind: ServiceAccount")
    written(tmp_path, apps=SHOP, istio=SUBSETS, outside=outside + app("lnk/web"), odd=odd, alone=alone)
    named = [f"{one}.yaml" if (tmp_path / f"{one}.yaml").exists() else one for one in arguments]
    result = run(*named, "-o", "made.yaml")
    assert result.exit_code == 2
    assert words in result.stderr
    assert not (tmp_path / "made.yaml").exists()


def test_what_somebody_edited_is_not_replaced(tmp_path):
    paths = written(tmp_path, apps=SHOP)
    file = tmp_path / "mine.yaml"
    file.write_text("mine")
    refused = run(*paths, "-o", str(file))
    assert refused.exit_code == 2
    assert f"{file}: would be replaced" in refused.stderr
    assert file.read_text() == "mine"
    assert run(*paths, "-o", str(file), "--force").exit_code == 0
    assert file.read_text() != "mine"


def test_a_stage_that_is_not_reached_ends_the_scenario(tmp_path):
    written(
        tmp_path,
        apps=SHOP,
        bad="apiVersion: policy.linkerd.io/v1beta3\nkind: Server\nmetadata: {name: x, namespace: shop}\nspec: {}\n",
    )
    file = tmp_path / "trial.yaml"
    file.write_text(
        "name: trial\napps: [./apps.yaml]\nconfigs: {bad: ./bad.yaml}\n"
        "stages: [{name: one, mesh: {shop: linkerd}}, {name: two, apply: [bad]}]\n"
    )
    found, problem = stages.reached(load_scenario(file))
    assert [one.name for one in found] == ["one"]
    assert "stage 'two' wasn't reached" in str(problem)


def place(pytester: pytest.Pytester, name: str) -> list[str]:
    pytester.makeini("[pytest]\naddopts = -p no:hypothesispytest\n")
    if name == "books":
        return written(pytester.path / "manifests/books", apps=BOOKS, istio=BOOKS_CONFIG)
    for folder in (f"manifests/{name}", f"manifests/configs/{name}/istio"):
        shutil.copytree(ROOT / folder, pytester.path / folder)
    return [f"manifests/{name}", f"manifests/configs/{name}/istio"]


@pytest.mark.parametrize("name", ["faces", "frontend-backend", "books"])
def test_what_is_written_passes_as_it_is(pytester, name):
    paths = place(pytester, name)
    result = run(*paths, "-o", f"scenarios/{name}.yaml")
    assert result.exit_code == 0, result.output
    outcomes = pytester.runpytest("-q", "scenarios").parseoutcomes()
    passed = outcomes.pop("passed")
    assert passed >= 9
    assert not outcomes
    assert f"{passed} expectations" in result.stdout


def test_faces_reads_as_a_person_would_write_it(pytester):
    paths = place(pytester, "faces")
    assert run(*paths, "-o", "scenarios/faces.yaml").exit_code == 0
    text = (pytester.path / "scenarios/faces.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=scenario.schema.json\n")
    assert json.loads((pytester.path / "scenarios/scenario.schema.json").read_text()) == scenario_schema()
    assert "apps: [faces, faces-manifests/clients.yaml]\n" in text
    assert "configs: {istio: manifests/configs/faces/istio, linkerd: {translate: istio}}\n" in text
    assert (
        "# VirtualService faces/color-split spec.http[0], manifests/configs/faces/istio/color-split.yaml:7:5\n"
        "- name: color is split color 50, color2 50\n"
        "  split: {from: faces/face, to: grpc://color/ColorService/Center, weights: {color: 50, color2: 50}}\n"
    ) in text
    assert "istio-ingressgateway.istio-system/face/" in text
    assert max(map(len, text.splitlines())) <= writer.WIDTH


def test_a_broken_expectation_is_seen(pytester):
    paths = place(pytester, "frontend-backend")
    assert run(*paths, "-o", "scenarios/x.yaml").exit_code == 0
    file = pytester.path / "scenarios/x.yaml"
    file.write_text(file.read_text().replace("x-routed-by: istio", "x-routed-by: linkerd"))
    assert pytester.runpytest("-q", "scenarios").parseoutcomes()["failed"] >= 3


def test_a_stage_that_loses_a_policy_of_a_gateway_fails(pytester):
    pytester.makeini("[pytest]\naddopts = -p no:hypothesispytest\n")
    paths = written(pytester.path / "shop", apps=SHOP, istio=EDGE)
    assert run(*paths, "-o", "scenarios/x.yaml").exit_code == 0
    file = pytester.path / "scenarios/x.yaml"
    assert "apply: [linkerd, gateways]" in file.read_text()
    file.write_text(file.read_text().replace("apply: [linkerd, gateways]", "apply: [linkerd]"))
    result = pytester.runpytest("-q", "scenarios")
    assert result.parseoutcomes()["failed"] >= 1
    result.stdout.fnmatch_lines(
        [
            "*GET harness-elsewhere.com /admin by outside/curl is denied (stage 'linkerd'): FAIL*",
            "*200 from shop/web*",
        ]
    )


TEXTS = st.text("aZ09 :,{}[]#&*!|>'\"%@`-?~=/.é\t", max_size=8)
VALUES = st.recursive(
    TEXTS | st.integers(-1000, 1000) | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


@given(VALUES)
def test_values_are_read_as_they_were_meant(value):
    text = writer.flow({"value": value})
    assert next(parse(f"read: {text}\n", "")).data == {"read": {"value": value}}


def test_what_is_left_out_needs_nobody_s_answer(tmp_path):
    ingress = (
        "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: in, namespace: istio-system}\n"
    )
    ingress += "spec: {defaultBackend: {service: {name: cart, port: {number: 80}}}}\n---\n"
    made = suggested(tmp_path, apps=ingress + SHOP)
    assert "undecided" not in made.data
    assert "istio-system/in: not decided: an ingress" in " ".join(made.text.replace("#", " ").split())


def test_what_could_not_be_read_is_told(tmp_path):
    written(
        tmp_path / "all",
        apps=SHOP,
        istio=SUBSETS,
        template="apiVersion: v1\nkind: Service\nmetadata: {name: {{ .x }}}\n",
    )
    result = run(str(tmp_path / "all"), "-o", str(tmp_path / "moving.yaml"))
    assert result.exit_code == 0
    text = " ".join((tmp_path / "moving.yaml").read_text().replace("#", " ").split())
    assert "template.yaml:3:19: not read: a template ({{ … }})" in text
