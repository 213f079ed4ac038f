"""Which findings account for a difference: those about what decided the request, and of that kind of loss."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.analysis.translate.proof import estate_wide
from harness.api.kubernetes.metadata import Metadata
from harness.api.kubernetes.selector import selects
from harness.api.kubernetes.service import Service
from harness.base.vocabulary import Workload
from harness.model.state.tables import grouped

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from harness.analysis.compare import Difference
    from harness.analysis.translate.draft import Translated
    from harness.analysis.translate.finding import Finding
    from harness.base.resources import Resource
    from harness.model import State
    from harness.traffic.trace import Action, Step

    Key = tuple[str, str, str, str]

_WHOLE = re.compile(
    r"|apiVersion|kind|metadata(\..*)?|data(\..*)?"
    r"|spec(\.(hosts|gateways|exportTo|selector|targetRefs?|action|host|podSelector|proxyProtocol))?"
)
"""Paths of fields that stand for all of an object: what it is for, or what it does on the whole."""

_RULE = re.compile(r"spec\.(http|tls|tcp)\[\d+\]")


def _is_about(finding: Finding, part: str) -> bool:
    """Whether a finding's field is a part of its object, in it or around it, or stands for the object.

    What a rule does besides choosing a destination is told by the field that does it; or of the rule, by an
    action; or it shows in parts of the answer alone.
    """
    field = finding.field
    if _WHOLE.fullmatch(field) or field == part:
        return True
    rule = _RULE.match(part)
    if rule and field.startswith(f"{rule[0]}.") and (finding.by or "any" not in finding.shows):
        return True
    if rule and rule[0] == part:
        return field.removeprefix(part).startswith(".match")
    longer, shorter = (field, part) if len(field) > len(part) else (part, field)
    return longer.startswith((f"{shorter}.", f"{shorter}["))


@dataclass(frozen=True)
class Trail:
    """What decided one side of a difference: the objects' fields that acted, and those passed over.

    `doing` is what objects did, `actions` all that was done.
    """

    acted: Mapping[Key, Collection[str]]
    passed_over: Mapping[Key, Collection[str]]
    doing: Mapping[Key, Collection[Action]]
    actions: frozenset[Action]

    @classmethod
    def of(cls, steps: Collection[Step]) -> Trail:
        """Returns it for all of a side's steps."""
        acted = (step for step in steps if not step.passed_over)
        passed_over = (step for step in steps if step.passed_over)
        doing = grouped((step.resource.key, step.action) for step in steps if step.resource is not None)
        return cls(_parts(acted), _parts(passed_over), doing, frozenset(step.action for step in steps))


def _parts(steps: Iterable[Step]) -> Mapping[Key, Collection[str]]:
    return grouped((resource.key, field) for step in steps for resource, field in _named(step))


def _named(step: Step) -> Iterator[tuple[Resource, str]]:
    """The objects that a step names, each with its field there."""
    if step.resource is not None:
        yield step.resource, step.field
    yield from ((resource, step.field) for resource in step.also)
    yield from ((resource, "") for resource in step.links)


class Explanations:
    """The findings that differences can be put down to, by the objects that they are about."""

    def __init__(
        self, findings: Iterable[Finding], translated: Iterable[Translated], states: tuple[State, State]
    ) -> None:
        self._surroundings = tuple(map(Surroundings, states))
        self._findings = grouped(
            (finding.origin.key, finding) for finding in findings if finding.origin and finding.shows
        )
        self._origins = {
            made.resource.key: frozenset(origin.key for origin in made.origins) for made in translated
        }

    def of(self, difference: Difference) -> tuple[Finding, ...]:
        """Returns the findings that account for all parts of a difference; nothing if they don't.

        A finding accounts for one if its field, or one in it or around it, acted before; or if what was made
        of its object acts now where its field was passed over before, or the object wasn't asked at all; or
        if that does now what the finding says (`by`). The caller's and the server's workloads act as they
        stand. What is left may be the meshes' own.
        """
        before, after = map(Trail.of, difference.traces)
        around = {key for each in self._surroundings for key in self._with_origins(each.of(difference))}
        made_of = {origin for key in after.acted for origin in self._origins.get(key, ())}
        doing = {
            (origin, action)
            for key, actions in after.doing.items()
            for origin in self._origins.get(key, ())
            for action in actions
        }
        found = [
            finding
            for key in dict.fromkeys((*before.acted, *before.passed_over, *made_of, *around))
            for finding in self._findings.get(key, ())
            if not finding.shows.isdisjoint(("any", *difference.parts))
            if not finding.by or not finding.by.isdisjoint(before.actions | after.actions)
            if _does(finding, difference)
            if key in around
            or _takes_part(finding, key, before, made_here=key in made_of)
            or any((key, action) in doing for action in finding.by)
        ]
        shown = frozenset(part for finding in found for part in finding.shows)
        left = tuple(part for part in difference.parts if not shown & {part, "any"})
        own = tuple(estate_wide.causes(replace(difference, parts=left))) if left else ()
        return (*found, *own) if own or not left else ()

    def _with_origins(self, keys: Iterable[Key]) -> Iterator[Key]:
        """The objects, and of Gateways that were made what they were made of."""
        for key in keys:
            yield key
            if key[1] == "Gateway":
                yield from self._origins.get(key, ())


class Surroundings:
    """A state's workloads and Services, with the Gateways whose own they are."""

    def __init__(self, state: State) -> None:
        self._running = state.running
        self._workloads = {
            Workload(each.namespace, each.name): tuple(_with_owners(each)) for each in state.workloads
        }
        self._serving: dict[Key, tuple[Key, ...]] = {}

    def of(self, difference: Difference) -> Iterator[Key]:
        """Yields the workloads that call and that serve, the Service, and Gateways whose own those are."""
        if difference.caller:
            yield from self._workloads.get(difference.caller.workload, ())
        if service := difference.service:
            if service.key not in self._serving:
                self._serving[service.key] = tuple(self._around(service))
            yield from self._serving[service.key]

    def _around(self, service: Resource) -> Iterator[Key]:
        yield from _with_owners(service)
        selector = Service.kept(service).selector
        for workload, pods in self._running.items() if selector else ():
            inside = workload.namespace == service.namespace
            if inside and any(selects(selector, pod.labels) for pod in pods):
                yield from self._workloads.get(workload, ())


def _with_owners(resource: Resource) -> Iterator[Key]:
    yield resource.key
    for owner in Metadata.of(resource).owners:
        group = owner.api_version.rpartition("/")[0]
        yield group, owner.kind, resource.namespace, owner.name


def _does(finding: Finding, difference: Difference) -> bool:
    """Whether a finding speaks of what a difference does to callers."""
    bare = difference.request is not None and difference.request.tcp
    harms = {difference.harm, *([f"tcp:{difference.harm}"] if bare else [])}
    return not finding.harm or not finding.harm.isdisjoint(harms)


def _takes_part(finding: Finding, key: Key, before: Trail, *, made_here: bool) -> bool:
    acted, passed_over = before.acted.get(key, ()), before.passed_over.get(key, ())
    if any(_is_about(finding, part) for part in acted):
        return True
    return made_here and (not (acted or passed_over) or any(_is_about(finding, part) for part in passed_over))
