"""Delegates: their rules stand where the root's rule stands, with what they take over from it."""

from __future__ import annotations

import pytest

from harness.analysis.translate import translate
from tests.model.clusters import resource
from tests.translate.estates import APPS, before_and_after, differences, reported, requests


def root(http: str) -> object:
    return resource("VirtualService", "shop/web", "{hosts: [web], http: " + http + "}")


def leaf(http: str, name: str = "shop/leaf", more: str = "") -> object:
    return resource("VirtualService", name, "{http: " + http + more + "}")


def to(host: str) -> str:
    return "route: [{destination: {host: " + host + "}}]"


V1, V2 = to("web"), to("web-v2")
GET = "match: [{uri: {prefix: /get}}], "

# Istio's objects; requests fare alike, and nothing is lost
ALIKE = {
    "without matches": [root("[{delegate: {name: leaf}}]"), leaf(f"[{{{GET}{V2}}}, {{{V1}}}]")],
    "inside the root's match": [
        root(f"[{{{GET}delegate: {{name: leaf}}}}, {{{V1}}}]"),
        leaf(f"[{{match: [{{uri: {{exact: /get}}, method: {{exact: POST}}}}], {V1}}}, {{{V2}}}]"),
    ],
    "in another namespace, whose short names are its own": [
        root(f"[{{{GET}delegate: {{name: leaf, namespace: ops}}}}, {{{V1}}}]"),
        leaf("[{" + to("web-v2.shop.svc.cluster.local") + "}]", "ops/leaf"),
    ],
    "takes over the root's headers and time": [
        root("[{delegate: {name: leaf}, timeout: 1s, headers: {request: {set: {x-root: y}}}}]"),
        leaf(f"[{{{GET}timeout: 3s, {V2}}}, {{{V1}}}]"),
    ],
    "root's several matches": [
        root("[{match: [{uri: {exact: /get}}, {uri: {prefix: /any}}], delegate: {name: leaf}}, {" + V1 + "}]"),
        leaf(f"[{{match: [{{uri: {{exact: /get}}}}, {{uri: {{prefix: /anything}}}}], {V2}}}]"),
    ],
}  # fmt: skip

# Istio's objects; topic, object and field of the finding
FINDINGS = {
    "a match that contradicts the root's": (
        [root(f"[{{{GET}delegate: {{name: leaf}}}}, {{{V1}}}]"), leaf(f"[{{match: [{{uri: {{prefix: /other}}}}], {V2}}}]")],
        ("no-effect", "VirtualService shop/leaf", "spec.http[0].match"),
    ),
    "hosts of its own": (
        [root("[{delegate: {name: other}}]"), resource("VirtualService", "shop/other", "{hosts: [web-v2], http: [{" + V2 + "}]}")],
        ("no-effect", "VirtualService shop/web", "spec.http[0].delegate"),
    ),
    "kept to its own namespace": (
        [root("[{delegate: {name: leaf, namespace: ops}}]"), leaf(f"[{{{V2}}}]", "ops/leaf", ", exportTo: [.]")],
        ("no-effect", "VirtualService shop/web", "spec.http[0].delegate"),
    ),
    "unknown": ([root("[{delegate: {name: leaf}}]")], ("delegate", "VirtualService shop/web", "spec.http[0].delegate")),
    "nobody's": ([leaf(f"[{{{V2}}}]")], ("no-effect", "VirtualService shop/leaf", "spec.hosts")),
    "of a delegate's": (
        [root("[{delegate: {name: leaf}}]"), leaf("[{delegate: {name: more}}]")],
        ("delegate", "VirtualService shop/leaf", "spec.http[0].delegate"),
    ),
    "a fault below": (
        [root("[{delegate: {name: leaf}}]"), leaf(f"[{{fault: {{abort: {{httpStatus: 500}}}}, {V2}}}]")],
        ("fault-injection", "VirtualService shop/leaf", "spec.http[0].fault"),
    ),
    "a fault above": (
        [root("[{delegate: {name: leaf}, fault: {abort: {httpStatus: 500}}}]"), leaf(f"[{{{V2}}}]")],
        ("fault-injection", "VirtualService shop/leaf", "spec.http[0].fault"),
    ),
    "a field above that no delegate takes over": (
        [root("[{delegate: {name: leaf}, shadow: x}]"), leaf(f"[{{{V2}}}]")],
        ("unknown-field", "VirtualService shop/web", "spec.http[0].shadow"),
    ),
    "connections below": (
        [root("[{delegate: {name: leaf}}]"), leaf(f"[{{{V2}}}]", more=", tcp: [{" + V2 + "}]")],
        ("unknown-field", "VirtualService shop/leaf", "spec.tcp"),
    ),
}  # fmt: skip

ASKED = requests(paths=("/", "/get", "/get?delay=2s", "/anything/a"), headers=((),), clients=("shop/cart",))


@pytest.mark.parametrize("config", ALIKE.values(), ids=ALIKE)
def test_requests_fare_alike_and_nothing_is_lost(config: list[object]):
    before, after, made = before_and_after(config)
    assert reported(made) == []
    assert differences(before, after, ASKED) == []


@pytest.mark.parametrize(("config", "found"), FINDINGS.values(), ids=FINDINGS)
def test_what_does_not_count_or_is_lost_is_told(config: list[object], found: tuple[str, str, str]):
    made = translate([*APPS, *config])
    assert found in [(one.topic, one.resource, one.field) for one in made.findings]


def test_a_route_names_the_delegates_that_it_comes_from():
    made = translate([*APPS, *ALIKE["without matches"]])
    route = next(one for one in made.translated if one.resource.kind == "HTTPRoute")
    assert list(map(str, route.origins)) == ["VirtualService shop/web", "VirtualService shop/leaf"]
