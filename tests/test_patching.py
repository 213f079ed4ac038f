from __future__ import annotations

import pytest

from harness.base.installation import DEFAULT, Installation, Installer
from harness.base.resources import ObjectName, Resource
from harness.ground.condition import Condition
from harness.manifests.patching import Patch, check

TARGET = ObjectName("Deployment", "shop", "web")
DATA = {"spec": {"replicas": 1, "list": ["a", "b"], "labels": {"x/y": "1"}}}


def json(*operations) -> Patch:
    return Patch(TARGET, operations=tuple({"op": op, "path": path} | rest for op, path, rest in operations))


def spec(**changes):
    return {"spec": {**DATA["spec"], **changes}}


# name: (patch, what comes out, done afterwards)
PATCHES = {
    "merge": (Patch(TARGET, {"spec": {"replicas": 3}}), spec(replicas=3), True),
    "merge takes away": (Patch(TARGET, {"spec": {"list": None}}), {"spec": {"replicas": 1, "labels": {"x/y": "1"}}}, True),
    "merge replaces lists": (Patch(TARGET, {"spec": {"list": ["c"]}}), spec(list=["c"]), True),
    "add": (json(("add", "/spec/paused", {"value": True})), spec(paused=True), True),
    "add at the end": (json(("add", "/spec/list/-", {"value": "c"})), spec(list=["a", "b", "c"]), True),
    "add in between": (json(("add", "/spec/list/1", {"value": "c"})), spec(list=["a", "c", "b"]), True),
    "replace": (json(("replace", "/spec/list/0", {"value": "c"})), spec(list=["c", "b"]), True),
    "an escaped key": (json(("replace", "/spec/labels/x~1y", {"value": "2"})), spec(labels={"x/y": "2"}), True),
    "remove": (json(("remove", "/spec/replicas", {})), {"spec": {"list": ["a", "b"], "labels": {"x/y": "1"}}}, True),
    "remove an item": (json(("remove", "/spec/list/1", {})), spec(list=["a"]), True),
    "move": (json(("move", "/spec/n", {"from": "/spec/replicas"})), {"spec": {"n": 1, "list": ["a", "b"], "labels": {"x/y": "1"}}}, False),
    "copy": (json(("copy", "/spec/n", {"from": "/spec/replicas"})), spec(n=1), False),
    "test, then replace": (
        json(("test", "/spec/replicas", {"value": 1}), ("replace", "/spec/replicas", {"value": 2})), spec(replicas=2), True,
    ),
    "a mapping that is filled then": (
        json(("add", "/spec/new", {"value": {}}), ("add", "/spec/new/a", {"value": 1})), spec(new={"a": 1}), True,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("patch", "expected", "done"), PATCHES.values(), ids=PATCHES)
def test_patches(patch, expected, done):
    before = {"spec": {**DATA["spec"], "list": ["a", "b"]}}
    assert not patch.done(before)
    assert patch.patched(before) == expected
    assert before == DATA, "it isn't changed in place"
    assert patch.done(expected) is done


UNFIT = {
    "nothing there": (
        json(("replace", "/spec/nosuch", {"value": 1})),
        "replace /spec/nosuch: can't replace a non-existent object",
    ),
    "a test that fails": (json(("test", "/spec/replicas", {"value": 2})), "test /spec/replicas: it is 1"),
    "an item too far": (
        json(("add", "/spec/list/9", {"value": 1})),
        "add /spec/list/9: can't insert outside of list",
    ),
}


@pytest.mark.parametrize(("patch", "words"), UNFIT.values(), ids=UNFIT)
def test_patches_that_don_t_fit(patch, words):
    with pytest.raises(ValueError, match=words):
        patch.patched(DATA)


NO_OPERATIONS = {
    "no operation": ({"op": "merge", "path": "/a"}, "unknown operation 'merge'"),
    "no path": ({"op": "remove"}, "'path' of remove must be a JSON pointer"),
    "no pointer": ({"op": "remove", "path": "spec"}, "as in /spec/replicas"),
    "no value": ({"op": "add", "path": "/a"}, "add needs a 'value'"),
    "no source": ({"op": "move", "path": "/a"}, "'from' of move"),
    "too much": ({"op": "remove", "path": "/a", "value": 1}, "remove has no 'value'"),
}


@pytest.mark.parametrize(("operation", "words"), NO_OPERATIONS.values(), ids=NO_OPERATIONS)
def test_what_is_no_operation(operation, words):
    with pytest.raises(ValueError, match=words):
        check(operation)


LIVE = {
    "metadata": {"generation": 2},
    "spec": {"ports": [{"port": 80}]},
    "status": {
        "ready": 1,
        "conditions": [
            {"type": "Available", "status": "True"},
            {"type": "Progressing", "status": "False", "message": "stuck"},
            {"type": "Stale", "status": "True", "observedGeneration": 1},
        ],
    },
}
CONDITIONS = {
    "there": ({}, LIVE, None),
    "not there": ({}, None, "it isn't there"),
    "gone": ({"absent": True}, None, None),
    "not gone": ({"absent": True}, LIVE, "it is still there"),
    "a condition": ({"condition": "Available"}, LIVE, None),
    "a condition that is false": ({"condition": "Progressing"}, LIVE, "Progressing is False: stuck"),
    "a condition that should be false": ({"condition": "Progressing", "status": "False"}, LIVE, None),
    "a condition of an earlier object": ({"condition": "Stale"}, LIVE, "Stale is of an earlier generation"),
    "no such condition": ({"condition": "Ready"}, LIVE, "its status has no condition Ready"),
    "a field": ({"field": "spec.ports.0.port", "value": 80}, LIVE, None),
    "a field of any value": ({"field": "status.ready"}, LIVE, None),
    "another value": ({"field": "status.ready", "value": 2}, LIVE, "status.ready is 1"),
    "no field": ({"field": "status.nosuch"}, LIVE, "it has no status.nosuch"),
    "a route's parent": (
        {"condition": "Accepted"},
        {"metadata": {}, "status": {"parents": [{"conditions": [{"type": "Accepted", "status": "True"}]}]}},
        None,
    ),
}


@pytest.mark.parametrize(("condition", "data", "unmet"), CONDITIONS.values(), ids=CONDITIONS)
def test_conditions(condition, data, unmet):
    assert Condition(TARGET, **condition).unmet(data) == unmet


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Deployment shop/web", ObjectName("Deployment", "shop", "web")),
        ("Namespace shop", ObjectName("Namespace", "", "shop")),
        ("HTTPRoute.policy.linkerd.io shop/a", ObjectName("HTTPRoute", "shop", "a", "policy.linkerd.io")),
    ],
)
def test_names_of_objects(text, name):
    assert ObjectName.parse(text) == name
    assert str(name) == text


@pytest.mark.parametrize("text", ["web", "shop/web", "Deployment", "Deployment /web", "A b/c/d", "A b c"])
def test_what_is_no_name(text):
    with pytest.raises(ValueError, match="write Kind namespace/name"):
        ObjectName.parse(text)


def test_a_name_is_of_its_group_alone():
    route = Resource("policy.linkerd.io/v1", "HTTPRoute", "shop", "a", {})
    assert ObjectName("HTTPRoute", "shop", "a").names(route)
    assert not ObjectName("HTTPRoute", "shop", "a", "gateway.networking.k8s.io").names(route)


@pytest.mark.parametrize(
    ("wanted", "found", "accepted"),
    [
        ("", "1.31.0", True),
        ("1.31", "1.31.0", True),
        ("1.31", "v1.31.2-distroless", True),
        ("1.31.0", "1.31.0-distroless", True),
        ("1.3", "1.31.0", False),
        ("1.31.1", "1.31.0", False),
        ("edge-26.8.3", "edge-26.8.3", True),
        ("edge-26.8", "edge-26.7.1", False),
    ],
)
def test_versions(wanted, found, accepted):
    assert Installation(wanted).accepts(found) is accepted


HELM = Installation(installer=Installer.HELM, source="charts")
OVER = {
    "nothing asked": (DEFAULT, HELM, HELM),
    "the version alone": (Installation("2"), HELM, Installation("2", Installer.HELM, "charts")),
    "the way alone": (HELM, Installation("2"), Installation("2", Installer.HELM, "charts")),
    "both": (
        HELM,
        Installation("1", Installer.MANIFESTS, "a.yaml"),
        Installation("1", Installer.HELM, "charts"),
    ),
}


@pytest.mark.parametrize(("option", "scenario", "expected"), OVER.values(), ids=OVER)
def test_options_win_over_scenarios(option, scenario, expected):
    assert option.over(scenario) == expected
