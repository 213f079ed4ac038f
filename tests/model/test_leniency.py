from __future__ import annotations

import pytest
import yaml

from harness.base.errors import NotModelledError, not_modelled
from harness.base.vocabulary import Mesh, Workload
from harness.model import Model, Refused
from harness.model.changes.loading import load_objects
from harness.model.istio import mesh_config
from harness.model.leniency import Leniency, with_omissions, without
from harness.model.state import Undecided
from harness.traffic.request import Request
from tests.model.clusters import app, deployment, resource

CLIENT = Workload("shop", "client")
APPS = [*app("shop/client", "curlimages/curl"), *app("shop/web", "l5d/echo:v1", 8080)]
ROUTE = "route: [{destination: {host: web}}]"


def model(tmp_path, *objects, lenient: bool = True, mesh: Mesh | None = Mesh.ISTIO) -> Model:
    file = tmp_path / "objects.yaml"
    file.write_text(yaml.safe_dump_all([one.data for one in (*APPS, *objects)]))
    return Model.from_files(file, placed={"shop": mesh}, lenient=lenient)


def told(model: Model, url: str = "http://web/") -> tuple[str, list[str]]:
    """The only answer, and what its trace says isn't modelled."""
    (answer,) = model.decide(Request(CLIENT, url)).answers
    left_out = [one for one in answer.trace if one.text.startswith("not modelled")]
    assert all(one.passed_over for one in left_out)
    return str(answer.outcome), [f"{one.subject} {one.field}".strip() for one in left_out]


def virtual_service(http: str) -> object:
    return resource("VirtualService", "shop/web", f"{{hosts: [web], http: [{http}]}}")


OK = "200 from shop/web"

# objects beside the shop's; the answer, and what is named as left out
DECIDED = {
    "all is understood": ([virtual_service(f"{{{ROUTE}}}")], OK, []),
    "a field": (
        [virtual_service(f"{{fallthrough: true, {ROUTE}}}")],
        OK,
        ["VirtualService shop/web spec.http[0].fallthrough"],
    ),
    "several fields": (
        [virtual_service(f"{{fallthrough: true, {ROUTE}, retries: {{attempts: 21}}}}")],
        OK,
        [
            "VirtualService shop/web spec.http[0].fallthrough",
            "VirtualService shop/web spec.http[0].retries.attempts",
        ],
    ),
    "a field that the API doesn't know": (
        [resource("PeerAuthentication", "shop/p", "{mtls: {mode: STRICT}, mood: good}")],
        OK,
        ["PeerAuthentication shop/p spec.mood"],
    ),
    "a kind": (
        [resource("EnvoyFiltre", "shop/e", {}, "networking.istio.io/v1alpha3")],
        OK,
        ["EnvoyFiltre shop/e"],
    ),
    "many of a kind": (
        [resource("Roule", f"shop/{name}", {}, "networking.istio.io/v1") for name in "abcde"],
        OK,
        ["Roule shop/a, shop/b, shop/c and 2 more"],
    ),
    "a kind without effect": ([resource("ConfigMap", "shop/c")], OK, []),
    "another namespace's object": (
        [
            resource("Namespace", "other"),
            resource("PeerAuthentication", "other/p", "{mtls: {mode: STRICT}, mood: good}"),
        ],
        OK,
        [],
    ),
    "a required field goes with the object": (
        [virtual_service("{redirect: {uri: /a, new: 1}}, {match: 1}")],
        OK,
        ["VirtualService shop/web"],
    ),
    "a server's annotation": (
        [
            deployment(
                "shop/web",
                {"containers": [{"name": "web", "image": "l5d/echo:v1"}]},
                {
                    "labels": {"app": "web"},
                    "annotations": {"proxy.istio.io/config": "{concurrency: 1, proxyHeaders: {}}"},
                },
            ),
            resource("PeerAuthentication", "shop/p", "{mtls: {mode: STRICT}}"),
        ],
        OK,
        ["Deployment shop/web annotation proxy.istio.io/config proxyHeaders"],
    ),
    "a namespace's label": (
        [resource("Namespace", "shop", labels={"istio.io/dataplane-mode": "ambient"})],
        OK,
        ["Namespace shop label istio.io/dataplane-mode"],
    ),
}


@pytest.mark.parametrize(("objects", "answer", "left_out"), DECIDED.values(), ids=DECIDED)
def test_decides_without_what_it_does_not_understand_and_says_so(tmp_path, objects, answer, left_out):
    assert told(model(tmp_path, *objects)) == (answer, left_out)
    if left_out:
        with pytest.raises((NotModelledError, Refused)):
            told(model(tmp_path, *objects, lenient=False))


PARTLY = resource(
    "AuthorizationPolicy",
    "shop/web",
    "{selector: {matchLabels: {app: web}}, rules: [{from: [{source: {ipBlocks: [10.244.1.0/24]}}]}]}",
    "security.istio.io/v1",
)
GHOST = resource(
    "ServiceProfile",
    "shop/web.shop.svc.cluster.local",
    "{dstOverrides: [{authority: ghost.shop.svc.cluster.local, weight: 1}]}",
)

# what is met in deciding alone: the mesh, the object, and what is named as left out
MET = {
    "a field": (Mesh.ISTIO, PARTLY, "AuthorizationPolicy shop/web spec.rules[0].from"),
    "a required field": (Mesh.LINKERD, GHOST, "ServiceProfile shop/web.shop.svc.cluster.local"),
}


@pytest.mark.parametrize(("mesh", "met", "left_out"), MET.values(), ids=MET)
def test_what_only_a_decision_meets_is_left_out_of_that_decision(tmp_path, mesh, met, left_out):
    lenient = model(tmp_path, met, mesh=mesh)
    assert told(lenient) == (OK, [left_out])
    assert told(lenient, "http://nobody/")[1] == []
    assert lenient.omissions == ()
    with pytest.raises(NotModelledError):
        told(model(tmp_path, met, mesh=mesh, lenient=False))


def test_settings_of_an_installation_that_are_not_modelled_are_left_out():
    config = resource("ConfigMap", "istio-system/istio")
    config.data["data"] = {
        "mesh": "disablePolicyChecks: true\noutboundTrafficPolicy: {mode: REGISTRY_ONLY}\n"
    }
    state = load_objects([[config]], [Mesh.ISTIO], leniency=Leniency())
    (omission,) = state.undecided
    assert (str(omission.resource), omission.field) == (
        "ConfigMap istio-system/istio",
        "data.mesh disablePolicyChecks",
    )
    assert mesh_config.of(state).outbound == "REGISTRY_ONLY"


def test_a_definition_that_names_no_group_is_refused_alone():
    nameless = resource(
        "CustomResourceDefinition", "x.acme.com", {"names": {"kind": "X"}}, "apiextensions.k8s.io/v1"
    )
    state = load_objects([[nameless, resource("Namespace", "shop")]], leniency=Leniency())
    assert [(str(each.resource), each.why) for each in state.undecided] == [
        (
            "CustomResourceDefinition x.acme.com",
            'The CustomResourceDefinition "x.acme.com" is invalid: spec.group: Required value',
        )
    ]


@pytest.mark.parametrize(
    ("kind", "version", "meant"),
    [
        ("VirtualServce", "networking.istio.io/v1", "VirtualService"),
        ("Deploymnt", "apps/v1", "Deployment"),
        ("HTTPRout", "gateway.networking.k8s.io/v1", "HTTPRoute"),
    ],
)
def test_a_mistyped_kind_is_refused(kind: str, version: str, meant: str):
    typed = resource(kind, "shop/x", {}, version)
    state = load_objects([[typed]], leniency=Leniency())
    (omission,) = state.undecided
    assert omission.refused
    assert omission.why == f'no matches for kind "{kind}" in version "{version}" (did you mean {meant}?)'


def test_items_of_a_list_are_named_by_the_places_where_they_were_written():
    leniency = Leniency()
    one = resource("Thing", "x", {"items": [{"a": 1, "b": 2}, {"a": 3}, {"a": 5, "b": 6}]})
    amended = one
    for field in ("spec.items[1]", "spec.items[0]", "spec.items[0].b"):
        amended = leniency(amended, not_modelled(one, field, "it is new"))
    assert amended.data["spec"] == {"items": [{"a": 5}]}
    assert [one.field for one in leniency.omissions] == ["spec.items[1]", "spec.items[0]", "spec.items[2].b"]


def test_steps_name_fields_as_they_were_written(tmp_path):
    written = virtual_service(f"{{match: [{{uri: {{exact: /old}}}}], {ROUTE}}}, {{{ROUTE}}}")
    later = virtual_service(f"{{{ROUTE}}}")
    request = Request(CLIENT, "http://web/")
    outcomes = model(tmp_path, later).decide(request).outcomes
    (group,) = with_omissions(request, outcomes, [Undecided(written, "spec.http[0]", "old")]).groups
    fields = [one.field for one in group.trace if one.resource and one.resource.key == written.key]
    assert any(field.startswith("spec.http[1]") for field in fields)
    assert [field for field in fields if field.startswith("spec.http[0]")] == ["spec.http[0]"]


DATA = {
    "metadata": {"name": "x", "labels": {"a.b/c": "1", "d": "2"}},
    "spec": {
        "items": [{"a": 1, "b": 2}, {"a": 3}],
        "8080": {"mode": "x"},
        "a.b": 1,
        "text": "k: {v: 1, w: 2}\n",
    },
}

# a field, and the path of what goes
FIELDS = {
    "spec.items": ("spec", "items"),
    "spec.items[0].b": ("spec", "items", 0, "b"),
    "spec.items[1]": ("spec", "items", 1),
    "spec.8080.mode": ("spec", "8080", "mode"),
    "spec.a.b": ("spec", "a.b"),
    "label a.b/c": ("metadata", "labels", "a.b/c"),
}


@pytest.mark.parametrize(("field", "path"), FIELDS.items())
def test_a_field_is_taken_out(field: str, path: tuple[str | int, ...]):
    wanted = yaml.safe_load(yaml.safe_dump(DATA))
    inner = wanted
    for part in path[:-1]:
        inner = inner[part]
    del inner[path[-1]]
    one = resource("Thing", "x")
    one.data.clear()
    one.data.update(DATA)
    changed = without(one, field)
    assert changed is not None
    assert changed.data == wanted


def test_a_field_of_a_text_that_is_yaml_is_taken_out():
    config = resource("ConfigMap", "x/y")
    config.data["data"] = {"mesh": "a: 1\nb: {c: 2, d: 3}\n"}
    changed = without(config, "data.mesh b.c")
    assert changed is not None
    assert yaml.safe_load(changed.data["data"]["mesh"]) == {"a": 1, "b": {"d": 3}}


@pytest.mark.parametrize("field", ["spec.nothing", "spec.items[7]", "spec.items[0].a.b", "annotation a"])
def test_a_field_that_is_not_there_leaves_nothing(field: str):
    one = resource("Thing", "x")
    one.data.update(DATA)
    assert without(one, field) is None


@pytest.mark.parametrize(
    ("target", "namespace", "undecided"),
    [
        ("{kind: Service, group: '', name: web}", {}, True),
        ("{kind: Gateway, group: gateway.networking.k8s.io, name: web}", {}, False),
        ("{kind: Service, group: '', name: web}", {"istio-injection": "enabled"}, False),
    ],
)
def test_what_a_waypoint_would_enforce_is_not_decided_where_nothing_says_who_holds_the_pods(
    target, namespace, undecided
):
    policy = resource(
        "AuthorizationPolicy", "shop/web", f"{{targetRefs: [{target}]}}", "security.istio.io/v1"
    )
    objects = [resource("Namespace", "shop", labels=namespace), *app("shop/web", "any:1", 80), policy]
    state = load_objects([objects], leniency=Leniency())
    said = [(each.resource.kind, each.field) for each in state.undecided]
    assert said == ([("AuthorizationPolicy", "spec.targetRefs")] if undecided else [])
    if undecided:
        with pytest.raises(NotModelledError, match="waypoint"):
            load_objects([objects])
