"""Estates before and after a translation, and where requests fare differently in the two."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from itertools import product
from typing import TYPE_CHECKING

from harness.analysis.translate import translate
from harness.base.vocabulary import Mesh, Workload
from harness.model import State, changes
from harness.model.decide import decide
from harness.traffic.request import Request
from tests.model.clusters import deployment, resource

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.analysis.translate import Finding, Translation
    from harness.base.resources import Resource
    from harness.traffic.outcomes import Outcome, Outcomes

ISTIO_GROUPS = ("networking.istio.io", "security.istio.io")
NAMESPACES = ("shop", "ops")
CLIENTS = ("shop/cart", "shop/till", "ops/tool")


def workload(name: str, *, version: str = "", probe: str = "") -> list[Resource]:
    """An application with its own service account: a Deployment, and a Service of its name and version."""
    short = name.rpartition("/")[2]
    labels = {"app": short.removesuffix(f"-{version}") if version else short, "version": version or "v1"}
    container: dict[str, object] = {
        "name": short,
        "image": "l5d/echo:v1",
        "ports": [{"name": "http", "containerPort": 8080}],
    }
    if probe:
        container["readinessProbe"] = {"httpGet": {"path": probe, "port": 8080}}
    return [
        resource("ServiceAccount", name),
        deployment(name, {"serviceAccountName": short, "containers": [container]}, {"labels": labels}),
        resource(
            "Service", name, {"selector": labels, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}
        ),
    ]


APPS = [
    *workload("shop/cart"),
    *workload("shop/till"),
    *workload("ops/tool"),
    *workload("shop/web"),
    *workload("shop/web-v2", version="v2"),
    resource(
        "Service",
        "shop/all-web",
        {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
    ),
]


def placed(mesh: Mesh, apps: Iterable[Resource], config: Iterable[Resource] = ()) -> State:
    """A cluster whose namespaces are all in one mesh, with these objects; its pods are started at the end."""
    apps, config = tuple(apps), tuple(config)
    state = _with_apps(mesh) if apps == tuple(APPS) else _started(mesh, apps)
    state = changes.apply(state, config)
    if any(one.kind in ("Namespace", "Deployment") for one in config):
        for namespace in NAMESPACES:
            state = changes.restart(state, namespace)
    return state


@cache
def _with_apps(mesh: Mesh) -> State:
    return _started(mesh, APPS)


def _started(mesh: Mesh, apps: Iterable[Resource]) -> State:
    state = changes.install(State(), mesh)
    for namespace in NAMESPACES:
        state = changes.place(state, namespace, [mesh])
    return changes.apply(state, apps)


def before_and_after(
    config: Iterable[Resource], apps: Iterable[Resource] = APPS
) -> tuple[State, State, Translation]:
    """The estate under Istio, the estate under Linkerd as it is translated, and the translation."""
    config, apps = list(config), list(apps)
    made = translate([*apps, *config])
    kept = [one for one in config if one.group not in ISTIO_GROUPS]
    return placed(Mesh.ISTIO, apps, config), placed(Mesh.LINKERD, apps, [*kept, *made.objects]), made


def reported(made: Translation) -> list[Finding]:
    """What a translation reports beside how namespaces move, and which Services subsets became."""
    return [finding for finding in made.findings if finding.topic not in ("injection", "subset")]


def seen(outcomes: Outcomes) -> dict[tuple[object, ...], Fraction]:
    """What a client notices of outcomes, with the share of each."""
    found: dict[tuple[object, ...], Fraction] = {}
    for group in outcomes.groups:
        key = _noticed(group.outcome)
        found[key] = found.get(key, Fraction(0)) + group.weight
    return found


def _noticed(outcome: Outcome) -> tuple[object, ...]:
    return (
        outcome.status,
        outcome.grpc_status,
        outcome.failure,
        str(outcome.backend or ""),
        outcome.header("location"),
        outcome.seconds,
    )


def differences(
    before: State, after: State, requests: Iterable[Request]
) -> list[tuple[Request, object, object]]:
    """The requests that fare differently, with what is seen of them in each estate."""
    found = []
    for request in requests:
        one, two = seen(decide(before, request)), seen(decide(after, request))
        if one != two:
            found.append((request, one, two))
    return found


def requests(
    hosts: Iterable[str] = ("web.shop",),
    paths: Iterable[str] = ("/", "/get", "/get/", "/anything/a", "/anything/ab", "/status/404"),
    methods: Iterable[str] = ("GET", "POST"),
    headers: Iterable[tuple[tuple[str, str], ...]] = ((), (("x-user", "jason"),), (("x-user", "james"),)),
    clients: Iterable[str] = CLIENTS,
) -> list[Request]:
    """All requests that combine these."""
    return [
        Request(Workload.parse(client), f"http://{host}{path}", method, tuple(sent))
        for client, host, path, method, sent in product(clients, hosts, paths, methods, headers)
    ]
