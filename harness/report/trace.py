"""A trace as plain data, step by step: what a machine needn't read out of words."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from harness.base import Resource, Workload
from harness.traffic.trace import leaves

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.expectations.verdict import Explanation
    from harness.traffic.trace import Part, Step


def data(step: Step) -> dict[str, Any]:
    """Returns a step: what kind of thing happened, by which object and field, where that stands, its numbers.

    `text` says it in words, in which `parts` stand in their order; `links` are the objects among them.
    """
    place = step.place
    point = place.position if place else None
    return {
        "taken": not step.passed_over,
        "action": str(step.action),
        "text": step.text,
        "resource": step.subject,
        "object": step.resource and identity(step.resource),
        "also": list(map(identity, step.also)),
        "field": step.field,
        "where": str(point or ""),
        "place": {"file": point.source, "line": point.line, "column": point.column, "from": point.template}
        if point and point.line
        else None,
        "parts": [_part(part) for part in leaves(step.parts)],
        "links": [{**identity(link), "where": str(link.place())} for link in step.links],
        "depth": step.depth,
        "arrivals": step.arrivals
        and [{"workload": str(who), "requests": _number(number)} for who, number in step.arrivals],
    }


def explanations(reasons: Iterable[Explanation]) -> list[dict[str, Any]]:
    """Returns why classes of outcomes came about, each with its steps."""
    return [{"label": reason.label, "trace": list(map(data, reason.trace))} for reason in reasons]


def identity(resource: Resource) -> dict[str, str]:
    """Returns what names an object."""
    return {
        "group": resource.group,
        "kind": resource.kind,
        "namespace": resource.namespace,
        "name": resource.name,
    }


def _part(part: Part) -> dict[str, Any]:
    if isinstance(part, Resource):
        return {"object": identity(part)}
    if isinstance(part, Workload):
        return {"workload": {"namespace": part.namespace, "name": part.name}}
    if isinstance(part, (int, float, Fraction)):
        return {"number": _number(part)}
    return {"text": str(part)}


def _number(number: Fraction | float) -> dict[str, Any] | float:
    """A number; one that isn't whole as exact fraction, too."""
    if isinstance(number, Fraction):
        return {"exact": str(number), "float": float(number)}
    return number
