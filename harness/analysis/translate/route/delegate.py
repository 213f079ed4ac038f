"""Delegates: rules that a VirtualService leaves to another one, read as parts of the object they stand in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.analysis.translate.finding import Severity
from harness.analysis.translate.reader import Reader
from harness.api.istio.hosts import visibility
from harness.base.errors import InputError
from harness.model.istio.routing import delegate

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from harness.analysis.translate.draft import Draft
    from harness.base.resources import Resource

GROUP = "networking.istio.io"


def expanded(draft: Draft, root: Resource, reader: Reader) -> Iterator[Reader]:
    """Yields a reader of each HTTP rule of a VirtualService, those of its delegates in their places.

    A delegate's rule has what it takes over from the root's in it [Istio: MergeHTTPRoutes]; what nobody
    reads of it is reported with the root's own fields. Reports delegates and rules that don't count.
    """
    for part in reader.parts("http"):
        if "delegate" not in part:
            yield part
            continue
        above = _in_full(part)
        for key in ("delegate", "match", "name", *delegate.INHERITED):
            part.value(key)
        below = _below(draft, root, part)
        if below is None:
            continue
        for index, own in enumerate(Reader.of(below).parts("http")):
            found = _merged(own, above)
            if found is None:
                _report(
                    draft,
                    below,
                    f"spec.http[{index}].match",
                    f"a match contradicts all those of {root} {part.path}",
                )
                continue
            yield reader.beside(below, found[0], own.path)


def leaf(draft: Draft, resource: Resource, named: Container[tuple[str, str, str, str]]) -> None:
    """Reports what roots don't read of a VirtualService without hosts, and one that isn't `named` by any."""
    reader = Reader.of(resource)
    for key in ("hosts", "http", "exportTo"):
        reader.value(key)
    draft.finish(reader)
    if resource.key not in named:
        _report(draft, resource, "spec.hosts", "it has no hosts, and no VirtualService delegates to it")


def named(draft: Draft) -> set[tuple[str, str, str, str]]:
    """Returns the keys of all objects that VirtualServices leave rules to."""
    found = set()
    for one in draft.estate.all(GROUP, "VirtualService"):
        for rule in Reader.of(one).parts("http"):
            said = rule.part("delegate")
            key = (GROUP, "VirtualService", said.text("namespace") or one.namespace, said.text("name"))
            found.add(key)
    return found


def _below(draft: Draft, root: Resource, part: Reader) -> Resource | None:
    """The VirtualService that a rule is left to, None where it doesn't count: its requests go on."""
    said = part.part("delegate")
    namespace, name = said.text("namespace") or root.namespace, said.text("name")
    below = draft.estate.virtual_services.get((namespace, name))
    default = draft.estate.mesh_config.get("defaultVirtualServiceExportTo") or ("*",)
    if below is None:
        why = "isn't among the manifests"
    elif Reader.of(below).texts("hosts"):
        why = "has hosts of its own, so is no delegate"
    elif visibility(below, root.namespace, default) is None:
        why = f"isn't exported to {root.namespace}"
    else:
        return below
    if below is None:
        draft.report(
            Severity.LOST,
            "delegate",
            root,
            said.path,
            f"VirtualService {namespace}/{name} {why}: these requests go to the rules after this one",
            "give its manifest, too",
        )
    else:
        _report(draft, root, said.path, f"VirtualService {namespace}/{name} {why}")
    return None


def _merged(part: Reader, above: dict[str, Any]) -> tuple[dict[str, Any], list[str]] | None:
    """A delegate's rule under the root's; raises InputError for one that isn't whole."""
    try:
        return delegate.merged(_in_full(part), above)
    except (AttributeError, TypeError) as error:
        raise _halved(part) from error


def _halved(part: Reader) -> InputError:
    return InputError(f"{part.resource} {part.path} isn't a whole rule", where=part.resource.where)


def _in_full(part: Reader) -> dict[str, Any]:
    """A rule with the names in it in full; raises InputError for one that isn't whole."""
    try:
        return delegate.in_full(part.data, part.resource.namespace)
    except (AttributeError, KeyError, TypeError) as error:
        raise InputError(
            f"{part.resource} {part.path} isn't a whole rule", where=part.resource.where
        ) from error


def _report(draft: Draft, resource: Resource, field: str, why: str) -> None:
    draft.report(
        Severity.CHECK, "no-effect", resource, field, f"it had no effect, and is left out: {why}", "delete it"
    )
