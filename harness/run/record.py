"""Observations: what a cluster answered, in a file from which a test of the model reads it."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

from harness.base import Mesh, ObjectName
from harness.base.display import redacted, redacted_header
from harness.base.files import write_text
from harness.run import layout, written

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from harness.base import Resource
    from harness.ground.ground import Provider
    from harness.scenario import Scenario, Stage
    from harness.traffic.outcomes import Outcome, Outcomes
    from harness.traffic.request import Request
    from harness.traffic.status import Status

Json = dict[str, Any]

NOTICEABLE = 0.45
"""Seconds from which an answer's time is told: a faster one says nothing of a delay."""

BODY_CHARACTERS = 400
"""Longer bodies are left out: no proxy writes one."""

_LEFT_OUT = re.compile(
    r"x-request-id|traceparent|tracestate|date|content-.*|connection|keep-alive|transfer-encoding"
)
_LEFT_OUT_AT_SERVER = re.compile(r"host|user-agent|accept|accept-encoding|te|x-envoy-peer-metadata.*")
_LEFT_OUT_OF_ANSWERS = re.compile(
    r"user-agent|grpc-status|grpc-message|x-envoy-upstream-service-time|etag|last-modified|expires|accept-ranges|cache-control|x-content-type-options|x-faces-.*"
)
_PROXIES = ("envoy", "istio-envoy")
"""What proxies call themselves in the header `server`; whatever else stands there is an application's."""
_FIRST_TRY = ("x-envoy-attempt-count", "1")
_HASH = re.compile(r"Hash=[0-9a-f]+")
_CURL = re.compile(r"(.*) \(curl (\d+)\)")


@dataclass
class Case:
    """What was asked while the same objects stood."""

    id: str
    about: str
    objects: tuple[Resource, ...]
    requests: list[Json] = field(default_factory=list)
    statuses: dict[str, list[Json]] = field(default_factory=dict)

    def data(self) -> Json:
        """Returns it as plain data; the objects stand in the order in which they were made."""
        objects = sorted(filter(written.is_told, self.objects), key=_age)
        addresses = written.mentioned(objects, (request["url"] for request in self.requests))
        return {
            "id": self.id,
            "about": self.about,
            "ordered": "namespaces first, then as they were made",
            "objects": [written.plain(resource, addresses) for resource in objects],
            "requests": self.requests,
            **({"statuses": self.statuses} if self.statuses else {}),
        }


def case_id(scenario: Path, stage: str) -> str:
    """Returns the id of the case for a stage of a scenario: its folder, its name, the stage's."""
    return re.sub(r"[^a-z0-9]+", "-", f"{scenario.parent.name} {scenario.stem} {stage}".lower()).strip("-")


@dataclass(eq=False)
class Recorder:
    """Collects observations by scenario and stage, and writes them to one file."""

    _path: Path
    _cases: dict[str, Case] = field(default_factory=dict)
    _versions: dict[str, str] = field(default_factory=dict)

    def knows(self, case: str) -> bool:
        return case in self._cases

    def begin(self, case: Case, versions: Mapping[str, str]) -> None:
        """Begins a case; versions are those of what answers in it."""
        self._cases[case.id] = case
        self._versions |= versions

    def note(self, case: str, request: Request, outcomes: Outcomes) -> None:
        """Adds a sample to a case that has begun."""
        self._cases[case].requests.append(sample_of(request, outcomes))

    def note_status(self, case: str, of: ObjectName, reports: Sequence[Status]) -> None:
        """Adds what is reported of an object to a case that has begun."""
        self._cases[case].statuses[str(of)] = list(map(status_of, reports))

    def write(self) -> None:
        """Writes the file anew, with all that was noted so far."""
        cases = [case.data() for case in self._cases.values() if case.requests or case.statuses]
        if not self._cases:  # nothing was asked: an unrelated run leaves files alone
            return
        write_text(self._path, layout.text("Recorded by the harness", self._versions, cases), private=True)


@dataclass(frozen=True)
class StageRecord:
    """What takes a stage's observations into its case, begun with what stands when the first comes.

    That is all in the namespaces of what was `made`, and what holds for whole meshes.
    """

    recorder: Recorder
    provider: Provider
    scenario: Scenario
    stage: Stage
    made: tuple[Resource, ...]

    def sample(self, request: Request, outcomes: Outcomes) -> None:
        """Takes a sample that counts."""
        self.recorder.note(self._case(), request, outcomes)

    def status(self, of: ObjectName, reports: Sequence[Status]) -> None:
        """Takes what is reported of an object."""
        self.recorder.note_status(self._case(), of, reports)

    def _case(self) -> str:
        case = case_id(self.scenario.path, self.stage.name)
        if not self.recorder.knows(case):
            namespaces = {resource.home for resource in self.made} - {""}
            standing = self.provider.standing(namespaces, tuple(Mesh))
            # Of a cluster no Secret is read, and nothing of the whole cluster's: these stand in files.
            others = (each for each in self.made if each.kind == "Secret" or not each.home)
            objects = (*standing, *filter(self._is_there, others))
            begun = Case(case, f"{self.scenario.name}: {self.stage.name}", objects)
            self.recorder.begin(begun, self.provider.versions())
        return case

    def _is_there(self, resource: Resource) -> bool:
        return self.provider.find(ObjectName.of(resource)) is not None


def sample_of(request: Request, outcomes: Outcomes) -> Json:
    """Returns a request and what came back of it, equal outcomes in one group, the largest group first."""
    counts: dict[str, int] = defaultdict(int)
    seconds: dict[str, list[float]] = defaultdict(list)
    for group in outcomes.groups:
        key = json.dumps(observed(group.outcome))
        counts[key] += int(group.weight)
        seconds[key] += [group.outcome.seconds] * int(group.weight)
    groups = []
    for key in sorted(counts, key=lambda key: -counts[key]):
        taken = median(seconds[key])
        slow = {"seconds": round(taken, 2)} if taken > NOTICEABLE else {}
        groups.append({**json.loads(key), "count": counts[key], **slow})
    return {
        "from": "the host" if request.through else str(request.source),
        **({"method": request.method} if request.method != "GET" else {}),
        "url": redacted(request.url),
        **(
            {"headers": {name: redacted_header(name, value) for name, value in request.headers}}
            if request.headers
            else {}
        ),
        **({"new_connections": True} if request.new_connection else {}),
        **({"through": str(request.through)} if request.through else {}),
        **({"pod": str(request.pod)} if request.pod else {}),
        "observed": groups,
    }


def status_of(report: Status) -> Json:
    """Returns what a controller reports as observations hold it."""
    return {
        **({"controller": report.controller} if report.controller else {}),
        **({"parent": str(report.parent)} if report.parent else {}),
        **({"listener": report.listener} if report.listener else {}),
        **({"routes": report.routes, "kinds": list(report.kinds)} if report.routes is not None else {}),
        "conditions": {each.type: f"{each.status} {each.reason}" for each in report.conditions},
    }


def observed(outcome: Outcome) -> Json:
    """Returns an outcome as observations hold it, without what differs from request to request."""
    if outcome.failure is not None:
        failure = _CURL.fullmatch(str(outcome))
        return {"error": _redacted(f"curl {failure[2]} {failure[1]}" if failure else str(outcome))}
    if outcome.connected:
        return {"connected": True}
    entry: Json = {"status": outcome.status}
    if outcome.grpc_status is not None:
        entry["grpc_status"] = outcome.grpc_status
    if outcome.backend is not None:
        entry["backend"] = str(outcome.backend)
    saw = outcome.server_saw
    if saw is not None:
        headers = _headers(saw.headers, _LEFT_OUT_AT_SERVER)
        entry["server_saw"] = {"path": redacted(saw.path), "host": saw.host, "headers": headers}
    headers = _headers(outcome.headers, _LEFT_OUT_OF_ANSWERS)
    if headers:
        entry["response_headers"] = headers
    unsaid = outcome.backend is None and saw is None and outcome.body is not None
    if unsaid and len(outcome.body or "") <= BODY_CHARACTERS:
        entry["body"] = _redacted(outcome.body or "")
    return entry


def _headers(headers: Iterable[tuple[str, str]], left_out: re.Pattern[str]) -> dict[str, str]:
    kept: dict[str, str] = {}
    for name, value in ((name.lower(), value) for name, value in headers):
        if _LEFT_OUT.fullmatch(name) or left_out.fullmatch(name) or (name, value) == _FIRST_TRY:
            continue
        if name == "server" and value not in _PROXIES:
            continue
        value = _redacted(redacted_header(name, value))
        kept[name] = f"{kept[name]}, {value}" if name in kept else value
    return dict(sorted(kept.items()))


def _redacted(text: str) -> str:
    return _HASH.sub("Hash=<hash>", written.ADDRESS.sub("<ip>", redacted(text)))


def _age(resource: Resource) -> tuple[bool, str, str, str]:
    """What sorts namespaces first, then the older first; ties by name, as the meshes break them."""
    return (resource.kind != "Namespace", resource.created, resource.namespace, resource.name)
