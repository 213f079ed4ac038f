"""Observations of real clusters, and whether the model predicts them."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from harness.base.resources import CLUSTER_SCOPED, ObjectName, Resource
from harness.base.vocabulary import Mesh, Workload
from harness.ground.model import ModelProvider
from harness.manifests.documents import plain
from harness.manifests.self_signed import completed
from harness.model import Refused, State, changes
from harness.model.observables import reported
from harness.run.record import status_of
from harness.traffic.between import bounds
from harness.traffic.observables import Proxy
from harness.traffic.outcomes import Failure
from harness.traffic.request import HOST, Request
from harness.traffic.trace import Action

if TYPE_CHECKING:
    from pathlib import Path

    from harness.traffic.outcomes import Group, Outcome, Outcomes

BOTH_MESHES = changes.install(changes.install(State(), Mesh.ISTIO), Mesh.LINKERD)

RATE = 1e-9

# What bare connections see of a proxy that ends them, other than an end without a word.
CLOSED = {"a proxy refuses what isn't HTTP"}

# What a recorder or a single hop leaves out, and what names pods, addresses or times.
IGNORED_AT_SERVER = {"x-envoy-decorator-operation", "content-type", "te"}
IGNORED_IN_ANSWER = {
    "x-envoy-decorator-operation",
    "server-timing",
    "content-security-policy",
}


def load(path: Path) -> Any:
    """Returns a file of observations."""
    return _text_keys(plain(path.read_text()))


def _text_keys(value: Any) -> Any:
    """Keys of a JSON object are texts, whatever YAML makes of them."""
    if isinstance(value, dict):
        return {str(key): _text_keys(item) for key, item in value.items()}
    return [_text_keys(item) for item in value] if isinstance(value, list) else value


def _resource(data: dict[str, Any]) -> Resource:
    metadata = data["metadata"]
    namespace = "" if data["kind"] in CLUSTER_SCOPED else metadata.get("namespace", "default")
    return Resource(data["apiVersion"], data["kind"], namespace, metadata["name"], data)


def _applied(case: dict[str, Any], state: State) -> State:
    objects = [completed(_resource(data)) for data in case.get("objects", ())]
    if "ordered" not in case and "rejected" not in case:
        return changes.apply(state, objects)
    said = []
    for resource in objects:
        try:
            state = changes.apply(state, [resource])
        except Refused as refused:
            said.append(refused.what)
    rejected = case.get("rejected", [])
    assert len(said) == len(rejected)
    for words, observed in zip(said, rejected, strict=True):
        assert words in observed
    return state


def check(case: dict[str, Any], world: State) -> None:
    """Fails unless the model predicts what a case has observed, on top of this world."""
    state = _applied(case, world)
    if isinstance(case.get("also"), dict):
        _check_containers(state, case)
    for name, reports in case.get("statuses", {}).items():
        _check_status(state, ObjectName.parse(name), reports)
    ground = ModelProvider()
    for asked in case["requests"]:
        request = Request(
            HOST if "through" in asked else Workload.parse(asked["from"]),
            asked["url"],
            asked.get("method", "GET"),
            tuple(asked.get("headers", {}).items()),
            asked.get("new_connections", False),
            through=Workload.parse(asked["through"]) if "through" in asked else None,
            pod=Workload.parse(asked["pod"]) if "pod" in asked else None,
        )
        ground.state = state
        outcomes = ground.send(request, 1)
        _compare(request, outcomes, asked["observed"])


def _compare(request: Request, outcomes: Outcomes, observed: list[dict[str, Any]]) -> None:
    low, high = bounds(sum((group.weight for group in outcomes.groups), Fraction(0)))
    assert low <= 1 <= high
    assert all(group.trace for group in outcomes.groups)
    n = sum(group["count"] for group in observed)
    seen: set[int] = set()
    specified = not any(step.action is Action.LEFT_OPEN for group in outcomes.groups for step in group.trace)
    for group in observed:
        misfits = {index: _misfit(one.outcome, group) for index, one in enumerate(outcomes.groups)}
        fitting = [index for index, misfit in misfits.items() if not misfit]
        assert fitting, f"{request}: observed {group}, not predicted:\n" + _listed(outcomes.groups, misfits)
        seen.update(fitting)
        low, high = map(float, bounds(sum((outcomes.groups[index].weight for index in fitting), Fraction(0))))
        # Groups of one kind that a recorder kept apart (by a header that isn't compared) are judged together.
        alike = sum(
            other["count"]
            for other in observed
            if not all(_misfit(outcomes.groups[i].outcome, other) for i in fitting)
        )
        if specified:
            from scipy.stats import binomtest

            nearest = min(max(alike / n, low), high, 1.0)
            assert binomtest(alike, n, nearest).pvalue > RATE, (
                f"{request}: {alike} of {n}, predicted {low} to {high}"
            )
    for index, one in enumerate(outcomes.groups):
        if specified and bounds(one.weight)[0] >= 0.2 and n >= 30:
            assert index in seen, f"{request}: {one.outcome} predicted with {one.weight}, never observed"


def _listed(groups: tuple[Group, ...], misfits: dict[int, str]) -> str:
    lines = []
    for index, group in enumerate(groups):
        lines.append(f"  {group.weight} {group.outcome} ({misfits[index]})")
        lines += [f"      {reason}" for reason in group.trace]
    return "\n".join(lines)


def _misfit(outcome: Outcome, observed: dict[str, Any]) -> str:
    """Why the outcome isn't the observed one, empty if it is."""
    if observed.get("error") in CLOSED:
        return "" if outcome.failure is Failure.EMPTY_REPLY else "not closed"
    if "error" in observed:
        code = "curl " + observed["error"].split()[1]
        fits = outcome.failure is not None and f"({code})" in str(outcome.failure)
        return "" if fits else f"not {code}"
    if "connected" in observed:
        return "" if outcome.connected else "not connected"
    if outcome.status != observed["status"]:
        return f"not {observed['status']}"
    if outcome.grpc_status != observed.get("grpc_status", outcome.grpc_status):
        return f"not grpc-status {observed['grpc_status']}"
    backend = str(outcome.backend) if outcome.backend else None
    told = {"body", "server_saw", "grpc_status"} & observed.keys() or "location" in observed.get(
        "response_headers", {}
    )
    wanted = observed.get("backend")
    if wanted is not None and backend is not None and "/" not in wanted:
        backend = backend.rpartition("/")[2]
    if backend != wanted and not (wanted is None and told and backend is not None):
        return f"backend {backend}, not {wanted}"
    return _misfit_at_server(outcome, observed) or _misfit_in_answer(outcome, observed)


def _misfit_at_server(outcome: Outcome, observed: dict[str, Any]) -> str:
    if "server_saw" not in observed:
        return ""
    saw, wanted = outcome.server_saw, observed["server_saw"]
    if saw is None and outcome.body is None:
        return ""  # what is said within the client's own TLS the model doesn't know
    assert saw is not None
    if (saw.path, saw.host) != (wanted["path"], wanted["host"]):
        return f"server saw {saw.path} {saw.host}"
    headers: dict[str, str] = {}
    for name, value in saw.headers:
        if name not in IGNORED_AT_SERVER:
            value = value.replace(HOST.name, "<ip>")  # where it comes from, outside
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    if headers.get("x-envoy-attempt-count") == "1":
        del headers["x-envoy-attempt-count"]
    expected = {k: v for k, v in (wanted.get("headers") or {}).items() if k not in IGNORED_AT_SERVER}
    return "" if headers == expected else f"server saw {headers}, not {expected}"


def _misfit_in_answer(outcome: Outcome, observed: dict[str, Any]) -> str:
    for name, value in observed.get("response_headers", {}).items():
        if name not in IGNORED_IN_ANSWER and outcome.header(name) != value:
            return f"header {name} is {outcome.header(name)!r}, not {value!r}"
    body = observed.get("body")
    if body is not None and outcome.body is not None and outcome.body.strip() != body.strip():
        return f"body {outcome.body!r}"
    seconds = observed.get("seconds", 0.0)
    return "" if abs(outcome.seconds - seconds) <= 0.5 else f"{outcome.seconds} s, not {seconds} s"


def _check_status(state: State, name: ObjectName, observed: list[dict[str, Any]]) -> None:
    """Fails unless the model reports the same, of all that it can say anything about."""
    (resource,) = (stored.live for stored in state.objects.values() if name.names(stored.live))
    predicted = {}
    for report in reported(state, resource):
        told = status_of(report)
        predicted[_about(told)] = told, report.open
    assert predicted.keys() == set(map(_about, observed)), f"{name}: {list(predicted)}"
    for report in observed:
        told, undecided = predicted[_about(report)]
        wanted = {key: text for key, text in report["conditions"].items() if key not in undecided}
        report = {**report, "conditions": wanted}
        assert told == report, f"{name}: observed {report}, predicted {told}"


def _about(report: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(report.get(key) for key in ("controller", "parent", "listener"))


def _check_containers(state: State, case: dict[str, Any]) -> None:
    namespaces = [data["metadata"]["name"] for data in case["objects"] if data["kind"] == "Namespace"]
    for name, pod in case["also"].items():
        if not isinstance(pod, dict) or "init" not in pod:
            continue
        (namespace,) = namespaces
        wanted = tuple(
            Proxy(mesh, native)
            for mesh in Mesh
            for native, key in ((True, "init"), (False, "containers"))
            if any(one.split()[0] == mesh.proxy for one in pod[key])
        )
        assert {one.proxies for one in state.pods_of(Workload(namespace, name))} == {wanted}
