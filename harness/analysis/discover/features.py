"""The features of Istio that objects use, and what the translation makes of each."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.analysis.discover.facts import OF_SEVERITY, Verdict
from harness.analysis.discover.marks import Mark, is_installed, marks
from harness.analysis.translate import coverage as kinds
from harness.api.istio.mesh_config import is_mesh_config
from harness.api.schema.fields import set_fields

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.analysis.translate import Finding
    from harness.api.schema.fields import SetField
    from harness.base.places import Position
    from harness.base.resources import Resource

_INSTALLATION = "install.istio.io"
_UNITS = {
    "VirtualService": frozenset(
        "http[].fault.delay http[].fault.abort http[].corsPolicy http[].delegate http[].directResponse "
        "http[].mirror http[].mirrors[] http[].mirrorPercentage http[].route[].destination.port".split()
    ),
}
"""What is one feature whatever is set inside, by kind."""


@dataclass(frozen=True)
class Feature:
    """A field, label or annotation of Istio's that is in use, and the worst that becomes of it.

    `count` tells how often it is set, `affected` how often that comes out so; `where` is the first of those
    places. `topic`, `why` and `todo` are the translation's, empty for what it carries over;
    `also` are the topics of what else it says.
    """

    name: str
    verdict: Verdict
    count: int
    affected: int
    resource: str
    where: Position
    topic: str = ""
    why: str = ""
    todo: str = ""
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Use:
    name: str
    verdict: Verdict
    resource: Resource
    field: str
    topic: str = ""
    why: str = ""
    todo: str = ""
    topics: tuple[str, ...] = ()


def features(resources: Iterable[Resource], findings: Iterable[Finding]) -> tuple[Feature, ...]:
    """Returns the features that objects use, the worst first, then by name.

    Each of the translation's findings about them is told of the field that it is about.
    """
    told: dict[tuple[str, str, str, str], list[Finding]] = {}
    for finding in findings:
        told.setdefault(finding.origin.key, []).append(finding)
    uses = [use for one in resources for use in _uses(one, told.get(one.key, []))]
    by_name: dict[str, list[_Use]] = {}
    for use in uses:
        by_name.setdefault(use.name, []).append(use)
    found = (_feature(name, alike) for name, alike in by_name.items())
    return tuple(sorted(found, key=lambda one: (one.verdict.rank, one.name)))


def _feature(name: str, uses: list[_Use]) -> Feature:
    worst = min(uses, key=lambda use: use.verdict.rank)
    affected = sum(use.verdict is worst.verdict for use in uses)
    where = worst.resource.place(worst.field).position
    also = tuple(sorted({topic for use in uses for topic in use.topics} - {worst.topic}))
    told = (worst.topic, worst.why, worst.todo, also)
    return Feature(name, worst.verdict, len(uses), affected, str(worst.resource), where, *told)


def _uses(resource: Resource, findings: list[Finding]) -> Iterator[_Use]:
    """The uses in an object: its fields, its marks, and what the translation says of anything else in it."""
    if resource.group == _INSTALLATION or is_mesh_config(resource):
        return  # told of with the installation's values
    rest = dict.fromkeys(findings)
    if resource.group in kinds.groups():
        for field in set_fields(resource, _UNITS.get(resource.kind, ())):
            about = [one for one in findings if _is_about(one.field, field)]
            yield _field_use(resource, field, about)
            for one in about:
                rest.pop(one, None)
    if is_installed(resource):
        rest = {one: None for one in rest if one.topic != "annotation"}
    for mark in marks(resource) if not is_installed(resource) else ():
        about = [one for one in findings if one.field.endswith(f".{mark.key}")]
        yield _mark_use(resource, mark, about)
        for one in about:
            rest.pop(one, None)
    for one in rest:
        schematised = re.sub(r"\[\d+\]", "[]", one.field.removeprefix("spec."))
        name = f"{resource.kind} {schematised}".rstrip()
        yield _use(f"{name} ({one.topic})", resource, one.field, [one])


def _field_use(resource: Resource, field: SetField, findings: list[Finding]) -> _Use:
    return _use(f"{resource.kind} {field.name}", resource, field.text, findings)


def _mark_use(resource: Resource, mark: Mark, findings: list[Finding]) -> _Use:
    if mark.verdict is not Verdict.TRANSLATES:
        return _Use(mark.name, mark.verdict, resource, mark.field, mark.topic, mark.why, mark.todo)
    return _use(mark.name, resource, mark.field, findings)


def _use(name: str, resource: Resource, field: str, findings: list[Finding]) -> _Use:
    worst = min(findings, key=lambda one: OF_SEVERITY[one.severity].rank, default=None)
    if worst is None:
        return _Use(name, Verdict.TRANSLATES, resource, field)
    topics = tuple(one.topic for one in findings)
    verdict = OF_SEVERITY[worst.severity]
    return _Use(name, verdict, resource, field, worst.topic, worst.why, worst.todo, topics)


def _is_about(path: str, field: SetField) -> bool:
    """Whether what is said of a path is said of a field: of it, of a part of it, or of all around it.

    What is said of a list, or of one of its items, is about how rules work together: a feature of its own.
    """
    text = field.text
    if path == text or path.startswith((f"{text}.", f"{text}[")):
        return True
    return path == "" or (path != "spec" and not path.endswith("]") and text.startswith(f"{path}."))
