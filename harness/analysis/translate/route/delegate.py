"""Delegates: the rules of a VirtualService, with those that it leaves to others in their places."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
                draft.report("no-effect", own, "match", problem=why)
            else:
                yield merged


def leaf(draft: Draft, reading: VirtualService, named: Container[tuple[str, str]]) -> None:
    """Reports what roots don't read of a VirtualService without hosts, and one that isn't `named` by any."""
    resource = reading.resource
    reading.leave("hosts", "http", "exportTo")
    draft.finish(reading)
    if (resource.namespace, resource.name) not in named:
        why = "it has no hosts, and no VirtualService delegates to it"
        draft.report("no-effect", reading, "hosts", problem=why)


def named(readings: Iterable[VirtualService]) -> set[tuple[str, str]]:
    """Returns namespace and name of all objects that VirtualServices leave rules to."""
    return {rule.delegate.key for reading in readings for rule in reading.http if rule.delegate}


def _below(draft: Draft, part: HTTPRule) -> Resource | None:
    """The VirtualService that a rule is left to, None where it doesn't count: its requests go on."""
    root, (namespace, name) = part.resource, part.delegate.key
    below = draft.estate.virtual_services.get((namespace, name))
    exported = draft.estate.mesh_config.virtual_service_export_to
    why = unusable(below, root, exported, absent="isn't among the manifests")
    label = f"{namespace}/{name}"
    if below is None:
        draft.report("delegate.unknown", part.delegate, name=label, problem=why)
    elif why:
        draft.report("no-effect", part.delegate, problem=f"VirtualService {label} {why}")
        return None
    return below
