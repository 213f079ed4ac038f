"""Delegates: the rules of a VirtualService, with those that it leaves to others in their places."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.analysis.translate.finding import Severity
from harness.api.istio.delegate import INHERITED, under, unusable
from harness.api.istio.virtual_service import VirtualService

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from harness.analysis.translate.draft import Draft
    from harness.api.istio.http_rule import HTTPRule
    from harness.base.resources import Resource


def expanded(draft: Draft, root: VirtualService) -> Iterator[HTTPRule]:
    """Yields each HTTP rule of a VirtualService, those of its delegates in their places.

    A delegate's rule has what it takes over from the root's in it. Reports delegates and rules that don't
    count.
    """
    for part in root.http:
        if not part.has("delegate"):
            yield part
            continue
        below = _below(draft, part)
        part.leave("delegate", "match", "name", *INHERITED)
        for own in VirtualService.of(below).http if below else ():
            merged = under(own, part)
            if merged is None:
                why = f"a match contradicts all those of {root.resource} {part.path}"
                _report(draft, own.resource, own.at("match"), why)
            else:
                yield merged


def leaf(draft: Draft, reading: VirtualService, named: Container[tuple[str, str]]) -> None:
    """Reports what roots don't read of a VirtualService without hosts, and one that isn't `named` by any."""
    resource = reading.resource
    reading.leave("hosts", "http", "exportTo")
    draft.finish(reading)
    if (resource.namespace, resource.name) not in named:
        _report(draft, resource, "spec.hosts", "it has no hosts, and no VirtualService delegates to it")


def named(readings: Iterable[VirtualService]) -> set[tuple[str, str]]:
    """Returns namespace and name of all objects that VirtualServices leave rules to."""
    return {rule.delegate.key for one in readings for rule in one.http if rule.delegate}


def _below(draft: Draft, part: HTTPRule) -> Resource | None:
    """The VirtualService that a rule is left to, None where it doesn't count: its requests go on."""
    root, (namespace, name) = part.resource, part.delegate.key
    below = draft.estate.virtual_services.get((namespace, name))
    exported = draft.estate.mesh_config.virtual_service_export_to
    why = unusable(below, root, exported, absent="isn't among the manifests")
    if below is None:
        draft.report(
            Severity.LOST,
            "delegate",
            root,
            part.delegate.path,
            f"VirtualService {namespace}/{name} {why}: these requests go to the rules after this one",
            "give its manifest, too",
        )
    elif why:
        _report(draft, root, part.delegate.path, f"VirtualService {namespace}/{name} {why}")
        return None
    return below


def _report(draft: Draft, resource: Resource, field: str, why: str) -> None:
    draft.report(
        Severity.CHECK, "no-effect", resource, field, f"it had no effect, and is left out: {why}", "delete it"
    )
