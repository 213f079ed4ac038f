"""Observations: what a cluster answered, in a file from which a test of the model reads it."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

import yaml

from harness.base import Mesh
from harness.base.files import write_text
from harness.manifests.dumps import unassigned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from harness.base import Resource
    from harness.ground.ground import Provider
    from harness.scenario import Scenario, Stage
    from harness.traffic.outcomes import Outcome, Outcomes
    from harness.traffic.request import Request

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
    r"user-agent|grpc-status|grpc-message|x-envoy-upstream-service-time|etag|last-modified|expires|accept-ranges|access-control-.*|x-faces-.*"
)
_FIRST_TRY = ("x-envoy-attempt-count", "1")
_ADDRESS = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b")
_HASH = re.compile(r"Hash=[0-9a-f]+")
_CURL = re.compile(r"(.*) \(curl (\d+)\)")


@dataclass
class Case:
    """What was asked while the same objects stood."""

    id: str
    about: str
    objects: tuple[Resource, ...]
    requests: list[Json] = field(default_factory=list)

    def data(self, known: dict[str, Json]) -> Json:
        """Returns it as plain data; the objects stand in the order in which they were made.

        Those that are equal to `known` ones (by their JSON) are these, and others are added to them.
        """
        plain = map(_plain, sorted(self.objects, key=_age))
        return {
            "id": self.id,
            "about": self.about,
            "ordered": "namespaces first, then as they were made",
            "objects": [known.setdefault(json.dumps(data), data) for data in plain],
            "requests": self.requests,
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

    def write(self) -> None:
        """Writes the file anew, with all that was noted so far."""
        known: dict[str, Json] = {}  # what stands unchanged in several cases is written once
        cases = [case.data(known) for case in self._cases.values() if case.requests]
        content = {"about": "Recorded by the harness", "versions": self._versions, "cases": cases}
        write_text(self._path, yaml.safe_dump(content, sort_keys=False, width=120))


def recording(
    recorder: Recorder, provider: Provider, scenario: Scenario, stage: Stage, written: Iterable[Resource]
) -> Callable[[Request, Outcomes], None]:
    """Returns what takes a stage's samples into its case, begun with what stands when the first comes.

    That is all in the namespaces of what was `written`, and what holds for whole meshes.
    """
    case = case_id(scenario.path, stage.name)
    namespaces = {resource.home for resource in written} - {""}

    def record(request: Request, outcomes: Outcomes) -> None:
        if not recorder.knows(case):
            standing = provider.standing(namespaces, tuple(Mesh))
            recorder.begin(Case(case, f"{scenario.name}: {stage.name}", standing), provider.versions())
        recorder.note(case, request, outcomes)

    return record


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
        "method": request.method,
        "url": request.url,
        **({"headers": dict(request.headers)} if request.headers else {}),
        **({"new_connections": True} if request.new_connection else {}),
        **({"through": str(request.through)} if request.through else {}),
        "count": outcomes.n,
        "observed": groups,
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
        entry["server_saw"] = {"path": saw.path, "host": saw.host, "headers": headers}
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
        value = _redacted(value)
        kept[name] = f"{kept[name]}, {value}" if name in kept else value
    return dict(sorted(kept.items()))


def _redacted(text: str) -> str:
    return _HASH.sub("Hash=<hash>", _ADDRESS.sub("<ip>", text))


def _age(resource: Resource) -> tuple[bool, str, str, str]:
    """What sorts namespaces first, then the older first; ties by name, as the meshes break them."""
    return (resource.kind != "Namespace", resource.created, resource.namespace, resource.name)


def _plain(resource: Resource) -> Json:
    """An object without what its cluster assigned to it."""
    data = {key: value for key, value in resource.data.items() if key != "status"}
    if resource.kind == "Namespace":
        data.pop("spec", None)
    plain: Json = json.loads(json.dumps(unassigned(data)))
    return plain
