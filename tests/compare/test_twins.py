"""Services that are the same but for names are compared once, and nothing of it is different."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.analysis.compare import compare
from harness.analysis.twins import Twins
from harness.model import changes
from tests.model.clusters import ISTIO, LINKERD, cluster, deployment, resource

if TYPE_CHECKING:
    from collections.abc import Collection

    from harness.analysis.compare import Comparison
    from harness.base.resources import Resource
    from harness.model import State

NAMES = {
    home: tuple(f"{letter}pp-{number}" for number in (1, 2, 3))
    for home, letter in {"shop-a": "x", "shop-b": "y", "default": "z"}.items()
}
STAMPED = [(home, name) for home, names in NAMES.items() for name in names]
POLICY = "security.istio.io/v1"


def virtual_service(home: str, name: str, prefix: str = "/api", to: str = "") -> Resource:
    """Sends what begins with a prefix elsewhere in 80 % of cases."""
    split = f"[{{destination: {{host: {name}}}, weight: 80}}, {{destination: {{host: spare}}, weight: 20}}]"
    rules = f"{{match: [{{uri: {{prefix: {prefix}}}}}], route: {split}}}"
    rest = f"{{route: [{{destination: {{host: {to or name}}}}}]}}"
    return resource("VirtualService", f"{home}/{name}", f"{{hosts: [{name}], http: [{rules}, {rest}]}}")


def policy(home: str, name: str, rule: str, action: str = "ALLOW", selected: str = "") -> Resource:
    selector = f"selector: {{matchLabels: {{app: {selected}}}}}, " if selected else ""
    spec = f"{{{selector}action: {action}, rules: [{{{rule}}}]}}"
    return resource("AuthorizationPolicy", f"{home}/{name}", spec, POLICY)


def callers(*accounts: str) -> str:
    return f"from: [{{source: {{principals: [{', '.join(accounts)}]}}}}]"


def state(*objects: Resource, mesh: str = ISTIO, homes: Collection[str] = tuple(NAMES)) -> State:
    """A cluster with the same services in each namespace, stamped out of one template."""
    made = cluster(ISTIO, LINKERD)
    for home in homes:
        made = changes.place(made, home, [mesh])
    names = [f"{home}/{name}" for home in homes for name in (*NAMES[home], "spare", "client")]
    own = (each for each in objects if each.namespace in homes)
    return changes.apply(made, [*(each for name in names for each in service(name)), *own])


def service(name: str) -> list[Resource]:
    labels = {"app": name.rpartition("/")[2], "tier": "all"}
    container = {"name": "main", "image": "any/app:1", "ports": [{"name": "http", "containerPort": 8080}]}
    ports = [{"name": "http", "port": 80, "targetPort": "http"}]
    return [
        deployment(name, {"containers": [container]}, {"labels": labels}),
        resource("Service", name, {"selector": {"app": labels["app"]}, "ports": ports}),
    ]


def routes(**fields: str) -> list[Resource]:
    return [virtual_service(home, name, **fields) for home, name in STAMPED]


def stamped_policies(rule: str, action: str = "ALLOW") -> list[Resource]:
    return [
        policy(home, name, rule.replace("HOME", home).replace("NAME", name), action, name)
        for home, name in STAMPED
    ]


def strict(home: str, name: str, labels: str, mode: str = "STRICT") -> Resource:
    spec = f"{{selector: {{matchLabels: {labels}}}, mtls: {{mode: {mode}}}}}"
    return resource("PeerAuthentication", f"{home}/{name}", spec)


def differences(compared: Comparison) -> Counter[object]:
    return Counter((each.target, each.essence) for each in compared.differences)


def one_by_one(monkeypatch: pytest.MonkeyPatch, before: State, after: State) -> Comparison:
    with monkeypatch.context() as patch:
        patch.setattr(Twins, "classes", lambda _, targets: [[number] for number, _ in enumerate(targets)])
        return compare(before, after)


ALL_BUT_TWO = routes()[1:-1]
CONNECT = "{{host: '*.shop-a.svc.cluster.local', trafficPolicy: {{tls: {{mode: {}}}}}}}"

SPARE = "route: [{destination: {host: spare}}]"

# What is there before, and what is after.
ESTATES: dict[str, tuple[list[Resource], list[Resource]]] = {
    "nothing any more": (routes(), []),
    "another rest": (routes(), routes(to="spare")),
    "one of them is another": (routes(), [*ALL_BUT_TWO, virtual_service("shop-a", "xpp-1", "/other")]),
    "prefixes with their names": (
        [virtual_service(home, name, f"/{name}") for home, name in STAMPED],
        [virtual_service(home, name, f"/{name}/") for home, name in STAMPED],
    ),
    "an expression that some of their names fit": (
        [virtual_service(home, name, f"/{name}") for home, name in STAMPED],
        [
            resource(
                "VirtualService",
                f"{home}/{name}",
                f"{{hosts: [{name}], http: [{{match: [{{uri: {{regex: '/.pp-[2]'}}}}], {SPARE}}}, "
                f"{{match: [{{uri: {{prefix: /{name}}}}}], {SPARE}}}, "
                f"{{route: [{{destination: {{host: {name}}}}}]}}]}}",
            )
            for home, name in STAMPED
        ],
    ),
    "hosts by a name's ending": (
        [],
        [
            resource(
                "VirtualService",
                "default/wide",
                f"{{hosts: ['*-2.default.svc.cluster.local'], http: [{{{SPARE}}}]}}",
            )
        ],
    ),
    "one for all by labels that is older than most": (
        [],
        [
            *(
                replace(
                    strict(home, name, f"{{app: {name}}}"), created=f"2026-0{1 if name[-1] == '2' else 3}-01"
                )
                for home, name in STAMPED
            ),
            *(replace(strict(home, "all", "{tier: all}", "DISABLE"), created="2026-02-01") for home in NAMES),
        ],
    ),
    "an expression that looks into paths with their names": (
        [virtual_service(home, name, f"/{name}") for home, name in STAMPED],
        [
            *(virtual_service(home, name, f"/{name}") for home, name in STAMPED),
            resource(
                "VirtualService",
                "shop-a/wide",
                "{hosts: [spare], http: [{match: [{uri: {regex: '/.pp-[0-3]'}}], "
                "route: [{destination: {host: spare}}]}]}",
            ),
        ],
    ),
    "a policy each": ([], stamped_policies(callers("cluster.local/ns/HOME/sa/default"))),
    "who begins with a name": ([], stamped_policies(callers("cluster.local/ns/HOME/sa/xpp-1*"))),
    "a policy for all by a name's ending": (
        [],
        [policy("shop-a", "all", "to: [{operation: {hosts: ['*-2.shop-a.svc.cluster.local']}}]", "DENY")],
    ),
    "a policy for all by a name's beginning": (
        [],
        [policy("shop-a", "all", "to: [{operation: {hosts: ['xpp-2*']}}]", "DENY")],
    ),
    "a policy of another's name for all": (
        [],
        [*stamped_policies(callers("cluster.local/ns/HOME/sa/default")), policy("shop-a", "xpp-2-all", "")],
    ),
    "the older of rules for all counts": (
        [],
        [
            resource("DestinationRule", f"shop-a/{name}", CONNECT.format(mode))
            for name, mode in zip(NAMES["shop-a"], ("SIMPLE", "DISABLE", "DISABLE"), strict=True)
        ],
    ),
    "each has a rule for all": (
        [],
        [
            resource("DestinationRule", f"shop-a/{name}", CONNECT.format("DISABLE"))
            for name in NAMES["shop-a"]
        ],
    ),
    "who is called by another": (
        [],
        stamped_policies("to: [{operation: {paths: [/NAME]}}], from: [{source: {namespaces: [HOME]}}]"),
    ),
}


@pytest.mark.parametrize("name", ESTATES)
def test_shared_as_one_by_one(name, monkeypatch):
    before, after = (state(*objects, homes=("shop-a", "default")) for objects in ESTATES[name])
    shared = compare(before, after)
    alone = one_by_one(monkeypatch, before, after)
    assert differences(shared) == differences(alone)
    assert shared.classes == alone.classes


def test_both_meshes(monkeypatch):
    before, after = state(*routes()), state(mesh=LINKERD)
    shared, alone = compare(before, after), one_by_one(monkeypatch, before, after)
    assert differences(shared) == differences(alone)
    assert steps(shared) == steps(alone)


def steps(compared: Comparison) -> dict[object, object]:
    """What decided on each example, where its caller is no matter."""
    return {
        (each.target, each.essence): [
            [str(step) for step in trace if step.resource and not step.resource.name.startswith("harness")]
            for trace in each.traces
        ]
        for each in compared.differences
    }


def test_most_are_not_explored(monkeypatch):
    explored = []
    kept = Twins.are_exchangeable
    monkeypatch.setattr(
        Twins, "are_exchangeable", lambda self, asked: explored.append(asked) or kept(self, asked)
    )
    compared = compare(state(*routes()), state())
    services = {each.service.name for each in compared.differences if each.service}
    assert services == {name for _, name in STAMPED}
    assert len(explored) < len({each.target for each in compared.differences})


@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from([each for name in ESTATES for each in ESTATES[name][1]]), max_size=6))
def test_any_changes(monkeypatch, objects):
    before, after = state(*routes()), state(*{each.key: each for each in [*routes(), *objects]}.values())
    assert differences(compare(before, after)) == differences(one_by_one(monkeypatch, before, after))
