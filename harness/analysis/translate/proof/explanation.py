"""Which findings account for a difference: those about what decided the request, and of that kind of loss."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.api.kubernetes.metadata import Metadata
from harness.api.kubernetes.selector import selects
from harness.api.kubernetes.service import Service
from harness.api.kubernetes.workload import WORKLOADS
from harness.model.state.tables import grouped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.analysis.compare import Difference
    from harness.analysis.translate.draft import Translated
    from harness.analysis.translate.finding import Finding
    from harness.base.resources import Resource
    from harness.model import State
    from harness.traffic.outcomes import Outcomes
    from harness.traffic.trace import Step

    Key = tuple[str, str, str, str]

_WHOLE = re.compile(
    r"|apiVersion|kind|metadata(\..*)?|data(\..*)?|spec(\.(hosts|gateways|exportTo|selector|targetRefs?|action|host))?"
)
"""Paths of fields that stand for all of an object: what it is for, or what it does on the whole."""

_RULE = re.compile(r"spec\.(http|tls|tcp)\[\d+\]")


@dataclass(frozen=True)
class Trail:
    """What decided one side of a difference: the objects' fields that acted, and those passed over."""

    acted: dict[Key, list[str]]
    passed_over: dict[Key, list[str]]

    @classmethod
    def of(cls, outcomes: Outcomes) -> Trail:
        """Returns it for all of a side's outcomes."""
        steps = tuple(dict.fromkeys(step for group in outcomes.groups for step in group.trace))
        acted = (step for step in steps if not step.passed_over)
        return cls(_fields(acted), _fields(step for step in steps if step.passed_over))


def _fields(steps: Iterable[Step]) -> dict[Key, list[str]]:
    return grouped((resource.key, step.field) for step in steps for resource in _objects(step))


def _objects(step: Step) -> Iterator[Resource]:
    if step.resource is not None:
        yield step.resource
    yield from step.also
    yield from step.links


class Explanations:
    """The findings that differences can be put down to, by the objects that they are about."""

    def __init__(
        self, findings: Iterable[Finding], translated: Iterable[Translated], states: tuple[State, State]
    ) -> None:
        self._states = states
        self._findings = grouped(
            (finding.origin.key, finding) for finding in findings if finding.origin and finding.shows
        )
        self._origins = {
            made.resource.key: frozenset(origin.key for origin in made.origins) for made in translated
        }

    def of(self, difference: Difference) -> tuple[Finding, ...]:
        """Returns the findings that account for all parts of a difference; nothing if they don't.

        A finding accounts for one if its field, or one in it or around it, acted before; or if what was made
        of its object acts now where its field was passed over before, or the object wasn't asked at all. The
        caller's and the server's workloads act as they stand.
        """
        before, after = Trail.of(difference.before), Trail.of(difference.after)
        for state in self._states:
            for key in _around(state, difference):
                before.acted.setdefault(key, []).append("")
        made_of = {origin for key in after.acted for origin in self._origins.get(key, ())}
        found = [
            finding
            for key in dict.fromkeys((*before.acted, *before.passed_over, *made_of))
            for finding in self._findings.get(key, ())
            if not finding.shows.isdisjoint(difference.parts) or "any" in finding.shows
            if _takes_part(finding, key, before, made_here=key in made_of)
        ]
        shown = frozenset(part for finding in found for part in finding.shows)
        return tuple(found) if "any" in shown or shown.issuperset(difference.parts) else ()


def _around(state: State, difference: Difference) -> Iterator[Key]:
    """The workloads that call and that serve, and Gateways whose own those are, or the Service."""
    selector = Service.kept(difference.service).selector
    serving = {
        workload
        for workload, pods in state.running.items()
        if workload.namespace == difference.service.namespace
        and any(selector and selects(selector, pod.labels) for pod in pods)
    }
    for kind in WORKLOADS:
        for workload in (difference.caller.workload, *serving):
            if found := state.get(*kind, workload.namespace, workload.name):
                yield from _with_owners(found)
    yield from _with_owners(difference.service)


def _with_owners(resource: Resource) -> Iterator[Key]:
    yield resource.key
    for owner in Metadata.of(resource).owners:
        group = owner.api_version.rpartition("/")[0]
        yield group, owner.kind, resource.namespace, owner.name


def _takes_part(finding: Finding, key: Key, before: Trail, *, made_here: bool) -> bool:
    acted, passed_over = before.acted.get(key, ()), before.passed_over.get(key, ())
    if any(_related(finding.field, field) for field in acted):
        return True
    if not made_here:
        return False
    return not (acted or passed_over) or any(_related(finding.field, field) for field in passed_over)


def _related(field: str, other: str) -> bool:
    """Whether a finding's path leads to a step's or the other way, or one stands for the whole object."""
    if _WHOLE.fullmatch(field) or _WHOLE.fullmatch(other):
        return True
    if _RULE.fullmatch(other) and not field.removeprefix(other).startswith(".match"):
        return field == other  # what a rule does is told by the field that does it
    longer, shorter = (field, other) if len(field) > len(other) else (other, field)
    return longer == shorter or longer.startswith((f"{shorter}.", f"{shorter}["))
