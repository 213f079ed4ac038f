"""The features of Istio that objects use, and what the translation makes of each."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from harness.analysis.discover.facts import OF_SEVERITY, Fact, Verdict
from harness.analysis.discover.marks import is_installed, marks
from harness.analysis.translate.coverage import groups
from harness.api.istio.mesh_config import is_mesh_config
from harness.api.schema.fields import set_fields
from harness.model.state.tables import grouped

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


class _Use(NamedTuple):
    name: str
    resource: Resource
    field: str
    fact: Fact = Fact(Verdict.TRANSLATES, "")
    topic: str = ""
    topics: tuple[str, ...] = ()


def features(resources: Iterable[Resource], findings: Iterable[Finding]) -> tuple[Feature, ...]:
    """Returns the features that objects use, the worst first, then by name.

    Each of the translation's findings about them is told of the field that it is about.
    """
    # How marks are moved is no feature that anybody has or misses.
    by_object = grouped(
        (finding.origin.key, finding)
        for finding in findings
        if finding.origin and finding.topic != "injection"
    )
    every = (use for resource in resources for use in _uses(resource, by_object.get(resource.key, [])))
    used = (_feature(name, uses) for name, uses in grouped((use.name, use) for use in every).items())
    return tuple(sorted(used, key=lambda feature: (feature.verdict.rank, feature.name)))


def _feature(name: str, uses: list[_Use]) -> Feature:
    worst = min(uses, key=lambda use: use.fact.verdict.rank)
    verdict, why, todo = worst.fact
    affected = sum(use.fact.verdict is verdict for use in uses)
    where = worst.resource.place(worst.field).position
    also = tuple(sorted({topic for use in uses for topic in use.topics} - {worst.topic}))
    words = (worst.topic, why, todo, also)
    return Feature(name, verdict, len(uses), affected, str(worst.resource), where, *words)


def _uses(resource: Resource, findings: list[Finding]) -> Iterator[_Use]:
    """The uses in an object: its fields, its marks, and what the translation says of anything else in it."""
    if resource.group == _INSTALLATION or is_mesh_config(resource):
        return  # told of with the installation's values
    rest = dict.fromkeys(findings)
    if resource.group in groups():
        for field in set_fields(resource, _UNITS.get(resource.kind, ())):
            about = [finding for finding in findings if _is_about(finding.field, field)]
            yield _use(f"{resource.kind} {field.name}", resource, field.text, about)
            for finding in about:
                rest.pop(finding, None)
    if is_installed(resource):
        rest = {finding: None for finding in rest if finding.topic != "annotation"}
    for mark in marks(resource) if not is_installed(resource) else ():
        about = [finding for finding in findings if finding.field.endswith(f".{mark.key}")]
        if mark.fact:
            yield _Use(mark.name, resource, mark.field, mark.fact, mark.topic)
        else:
            yield _use(mark.name, resource, mark.field, about)
        for finding in about:
            rest.pop(finding, None)
    for finding in rest:
        schematised = re.sub(r"\[\d+\]", "[]", finding.field.removeprefix("spec."))
        name = f"{resource.kind} {schematised}".rstrip()
        yield _use(f"{name} ({finding.topic})", resource, finding.field, [finding])


def _use(name: str, resource: Resource, field: str, findings: list[Finding]) -> _Use:
    worst = min(findings, key=lambda finding: OF_SEVERITY[finding.severity].rank, default=None)
    if worst is None:
        return _Use(name, resource, field)
    fact = Fact(OF_SEVERITY[worst.severity], worst.why, worst.todo)
    return _Use(name, resource, field, fact, worst.topic, tuple(finding.topic for finding in findings))


def _is_about(path: str, field: SetField) -> bool:
    """Whether what is said of a path is said of a field: of it, of a part of it, or of all around it.

    What is said of a list, or of one of its items, is about how rules work together: a feature of its own.
    """
    text = field.text
    if path == text or path.startswith((f"{text}.", f"{text}[")):
        return True
    return path == "" or (path != "spec" and not path.endswith("]") and text.startswith(f"{path}."))
