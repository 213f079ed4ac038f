"""The order to migrate in: fewest boundaries, and what each stage needs."""

from __future__ import annotations

import itertools
import random

import pytest

from harness.analysis.discover import ordering as module
from harness.analysis.discover.migration import migration
from harness.analysis.discover.ordering import MOVED, STAYING, arrangement, cost
from harness.analysis.translate import translate
from tests.discover.estates import STRICT, allow, estate, namespace, web
from tests.model.clusters import deployment, resource


def stages(objects, patches=()):
    return [(stage.moves, len(stage.boundaries)) for stage in migration(objects, patches).stages]


# who calls whom, the meshes that aren't Istio; the order with the boundaries after each move
ORDERS = {
    "no calls": ({"a": "", "b": ""}, {}, [("a", 0), ("b", 0)]),
    "a chain moves from an end": ({"b": "c", "c": "a"}, {}, [("a", 1), ("c", 1), ("b", 0)]),
    "a star's centre moves in the middle": (
        {"hub": "a b c d"},
        {},
        [("a", 1), ("b", 2), ("hub", 2), ("c", 1), ("d", 0)],
    ),
    "both directions count": ({"a": "b", "b": "a c"}, {}, [("a", 2), ("b", 1), ("c", 0)]),
    "what doesn't hang together moves apart": (
        {"a": "d", "b": "c"},
        {},
        [("a", 1), ("d", 0), ("b", 1), ("c", 0)],
    ),
    "calls without a mesh on one side are none": (
        {"a": "bare", "bare": "b"},
        {"bare": "none"},
        [("a", 0), ("b", 0)],
    ),
    "who calls what has moved comes first": (
        {"a": "", "b": "moved"},
        {"moved": "linkerd"},
        [("b", 0), ("a", 0)],
    ),
}


@pytest.mark.parametrize("name", ORDERS)
def test_order(name: str):
    graph, meshes, expected = ORDERS[name]
    assert stages(estate(graph, **meshes)) == expected


def test_boundaries_are_told_by_their_field():
    (first, _) = migration(estate({"a": "b"})).stages
    (call,) = first.boundaries
    assert (str(call), call.field) == ("a/web to b/web", "spec.template.spec.containers[0].env[0].value")


def test_what_has_moved_already_is_told_before_the_first_stage():
    found = migration(estate({"b": "moved"}, moved="linkerd"))
    assert [str(call) for call in found.before] == ["b/web to moved/web"]
    assert found.boundaries == 0


def test_no_object_says_who_is_in_the_mesh():
    objects = [one for one in estate({"a": "b"}) if one.kind != "Namespace"]
    found = migration(objects)
    assert found.assumed
    assert [stage.moves for stage in found.stages] == ["a", "b"]
    assert not migration(estate({"a": "b"})).assumed


def test_ambient_namespaces_are_istios():
    objects = [
        resource("Namespace", "a", labels={"istio.io/dataplane-mode": "ambient"}),
        namespace("b", "none"),
        *web("a/web", "web.b"),
        *web("b/web"),
    ]
    assert stages(objects) == [("a", 0)]


# --- edges


def routed(at: str, host: str, destination: str, **spec: object):
    rule = {"route": [{"destination": {"host": f"web.{destination}.svc.cluster.local"}}]}
    return resource("VirtualService", f"{at}/route", {"hosts": [host], "http": [rule], **spec})


# objects beside those of a, b, c; the calls between places
EDGES = {
    "callers of a host call where it is routed to": (
        {"a": "b", "c": ""},
        [routed("b", "web.b.svc.cluster.local", "c")],
        ["a/web to b/web", "a/web to c/web"],
    ),
    "callers inside the namespace do, too": (
        {"b": "b", "c": ""},
        [routed("b", "web.b.svc.cluster.local", "c")],
        ["b/web to c/web"],
    ),
    "callers of each of its hosts": (
        {"a": "b", "c": "", "d": "d"},
        [routed("b", "web.b.svc.cluster.local", "c", hosts=[f"web.{one}.svc.cluster.local" for one in "bd"])],
        ["a/web to b/web", "a/web to c/web", "d/web to c/web"],
    ),
    "where nobody is known to call, its namespace does": (
        {"b": "", "c": ""},
        [routed("b", "shop.example.com", "c")],
        ["b to c/web"],
    ),
    "policies tell who is meant to call": ({"b": "", "c": ""}, [allow("c", "b/web")], ["b/web to c"]),
    "policies add nothing to a call that is known": (
        {"b": "c"},
        [allow("c", "b/web", "b/other")],
        ["b/web to c/web"],
    ),
    "a policy for whole namespaces": (
        {"b": "", "c": ""},
        [
            resource(
                "AuthorizationPolicy",
                "c/allow",
                {"rules": [{"from": [{"source": {"namespaces": ["b", "x*"]}}]}]},
                "security.istio.io/v1",
            )
        ],
        ["b to c"],
    ),
    "a DENY policy tells of no call": (
        {"b": "", "c": ""},
        [
            resource(
                "AuthorizationPolicy",
                "c/deny",
                {"action": "DENY", "rules": [{"from": [{"source": {"namespaces": ["b"]}}]}]},
                "security.istio.io/v1",
            )
        ],
        [],
    ),
}


@pytest.mark.parametrize("name", EDGES)
def test_edges(name: str):
    graph, objects, expected = EDGES[name]
    found = migration([*estate(graph), *objects])
    calls = {str(call) for stage in found.stages for call in stage.boundaries}
    assert sorted(calls) == expected
    assert found.calls == len(expected)


def test_a_delegate_leads_its_roots_callers_on():
    root = resource(
        "VirtualService",
        "b/root",
        {"hosts": ["web.b.svc.cluster.local"], "http": [{"delegate": {"name": "rules", "namespace": "d"}}]},
    )
    rules = resource(
        "VirtualService",
        "d/rules",
        {"http": [{"route": [{"destination": {"host": "web.c.svc.cluster.local"}}]}]},
    )
    found = migration([*estate({"a": "b", "c": "", "d": ""}), root, rules])
    calls = {str(call) for stage in found.stages for call in stage.boundaries}
    assert "a/web to c/web" in calls


# --- needs


def needs(objects):
    return {
        stage.moves: [(need.place, need.trust.resource, need.todo.partition(" ")[0]) for need in stage.needs]
        for stage in migration(objects).stages
    }


NEEDS = {
    "the caller moves first": (
        {"a": "b"},
        [resource("PeerAuthentication", "b/default", STRICT)],
        {"a": [("b", "PeerAuthentication b/default", "PERMISSIVE")], "b": []},
    ),
    "the server moves first": (
        {"b": "a"},
        [resource("PeerAuthentication", "a/default", STRICT)],
        {"a": [("a", "PeerAuthentication a/default", "all-unauthenticated")], "b": []},
    ),
    "the mesh's mode": (
        {"a": "b"},
        [resource("PeerAuthentication", "istio-system/default", STRICT)],
        {"a": [("b", "PeerAuthentication istio-system/default", "PERMISSIVE")], "b": []},
    ),
    "another port is STRICT": (
        {"a": "b"},
        [
            resource(
                "PeerAuthentication",
                "b/default",
                {"selector": {"matchLabels": {"app": "web"}}, "portLevelMtls": {"9090": {"mode": "STRICT"}}},
            )
        ],
        {"a": [], "b": []},
    ),
    "a policy names the caller": (
        {"a": "b"},
        [allow("b", "a/web")],
        {"a": [("b", "AuthorizationPolicy b/allow", "let")], "b": []},
    ),
    "a policy names others, who don't call": ({"a": "b"}, [allow("b", "x/web")], {"a": [], "b": []}),
    "a policy names the caller, another takes everybody": (
        {"a": "b"},
        [
            allow("b", "a/web"),
            resource("AuthorizationPolicy", "b/all", {"rules": [{}]}, "security.istio.io/v1"),
        ],
        {"a": [], "b": []},
    ),
    "a DENY policy holds back all but the caller": (
        {"a": "b"},
        [
            resource(
                "AuthorizationPolicy",
                "b/deny",
                {"action": "DENY", "rules": [{"from": [{"source": {"notPrincipals": ["*/sa/web"]}}]}]},
                "security.istio.io/v1",
            )
        ],
        {"a": [("b", "AuthorizationPolicy b/deny", "let")], "b": []},
    ),
}


@pytest.mark.parametrize("name", NEEDS)
def test_needs(name: str):
    graph, objects, expected = NEEDS[name]
    assert needs([*estate(graph), *objects]) == expected


def test_of_orders_alike_the_one_with_fewest_needs_comes_first():
    strict = [resource("PeerAuthentication", f"{one}/default", STRICT) for one in "ab"]
    found = migration([*estate({"hub": "a b c d"}), *strict])
    assert found.boundaries == 6
    assert [stage.moves for stage in found.stages] == ["c", "a", "hub", "b", "d"]
    assert [len(stage.needs) for stage in found.stages] == [0, 1, 1, 0, 0]


# --- gateways

GATEWAY = resource(
    "Gateway",
    "istio-system/in",
    {
        "selector": {"istio": "ingressgateway"},
        "servers": [{"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": ["*"]}],
    },
)
INGRESS = resource(
    "VirtualService",
    "istio-system/in",
    {
        "hosts": ["*"],
        "gateways": ["in"],
        "http": [{"route": [{"destination": {"host": "web.a.svc.cluster.local"}}]}],
    },
)


def gateway(image: str):
    labels = {"labels": {"istio": "ingressgateway"}, "annotations": {"inject.istio.io/templates": "gateway"}}
    pod = {"containers": [{"name": "istio-proxy", "image": image, "args": ["proxy", "router"]}]}
    return deployment("istio-system/istio-ingressgateway", pod, labels)


# the gateway's Deployment; the stages with their boundaries, and how the gateway's is explained
GATEWAYS = {
    "one that can be meshed is first, and never at a boundary": (
        [gateway("istio/proxyv2:1.31.0")],
        [("istio-system/istio-ingressgateway", 0), ("a", 1), ("b", 0)],
        "first",
    ),
    "one that isn't among the objects": (
        [],
        [("istio-system/istio-ingressgateway", 0), ("a", 1), ("b", 0)],
        "first",
    ),
    "one that Istio's injector completes is last, and what it calls late": (
        [gateway("auto")],
        [("b", 1), ("a", 1), ("istio-system/istio-ingressgateway", 0)],
        "last",
    ),
}


@pytest.mark.parametrize("name", GATEWAYS)
def test_gateways(name: str):
    deployed, expected, word = GATEWAYS[name]
    objects = [*estate({"a": "b"}), GATEWAY, INGRESS, *deployed]
    patches = translate(objects).patches
    assert stages(objects, patches) == expected
    (stage,) = [stage for stage in migration(objects, patches).stages if stage.gateway]
    assert stage.why.startswith(word)


def test_a_gateway_that_linkerd_meshes_already_is_no_stage():
    pod = {"containers": [{"name": "istio-gateway", "image": "istio/proxyv2:1.31.0"}]}
    marks = {"labels": {"istio": "ingressgateway"}, "annotations": {"linkerd.io/inject": "enabled"}}
    renamed = deployment("istio-system/istio-ingressgateway", pod, marks)
    assert stages([*estate({"a": "b"}), GATEWAY, INGRESS, renamed]) == [("a", 1), ("b", 0)]


# --- arrangements


def graphs(count: int, places: int):
    """Random weights among up to so many places, and what has moved or stays."""
    random_ = random.Random(7)
    for _ in range(count):
        names = [f"n{index}" for index in range(random_.randint(1, places))]
        pairs = itertools.combinations([*names, MOVED, STAYING], 2)
        weights = {
            frozenset(pair): random_.randint(1, 5)
            for pair in pairs
            if random_.random() < 0.3 and set(pair) != {MOVED, STAYING}
        }
        yield names, weights


def test_no_permutation_has_fewer_boundaries():
    for names, weights in graphs(200, 6):
        found = arrangement(names, weights, {})
        best = min(cost(order, weights) for order in itertools.permutations(names))
        assert found.exact
        assert cost(found.order, weights) == best, (names, weights, found.order)


def test_too_many_places_get_a_good_order_and_say_so(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "EXACT", 2)
    best = mine = 0
    for names, weights in graphs(200, 6):
        found = arrangement(names, weights, {})
        assert sorted(found.order) == names
        assert found == arrangement(reversed(names), weights, {})
        best += min(cost(order, weights) for order in itertools.permutations(names))
        mine += cost(found.order, weights)
    assert best <= mine <= best * 1.05
    assert not arrangement(["a", "b", "c"], {frozenset("ab"): 1, frozenset("bc"): 1}, {}).exact
