"""The objects of a text: of a manifest file, of what kubectl makes of a kustomization, of a live cluster."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from harness.base.errors import InputError
from harness.base.places import Location, Place
from harness.base.resources import CLUSTER_SCOPED, Resource
from harness.manifests import dumps
from harness.manifests.documents import parse
from harness.manifests.places import in_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from harness.manifests.kustomize import Build
    from harness.manifests.spans import Document, KeyPath

_TYPE = ("apiVersion", "kind")

Locate: TypeAlias = "Callable[[Document, KeyPath], Location]"
"""Returns where the object at a path of a document comes from."""

_TEMPLATE = re.compile(r"\{\{|\$\{|\$\(")
"""How templates that people fill in begin: of Helm, of shells, of make."""

_NO_NAME = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029/%\\]|^\.\.?$|(?<=.{253}).")
_NO_NAMESPACE = re.compile(r"[^A-Za-z0-9_-]|(?<=.{63}).")
"""What can't stand in a name: it is a part of a path, and of a line [Kubernetes: object names and IDs]."""

_NAMELESS = {"IstioOperator": "installed-state"}
"""Kinds whose objects a tool takes without a name, and the name that it gives to them in a cluster."""


@dataclass(frozen=True)
class Reading:
    """How manifests are read: folders with all below them, which namespace objects without one are in.

    With `running` a dump keeps what tells how the cluster ran: controllers' pods, pods' status, Services'
    addresses.
    """

    recursive: bool = True
    namespace: str = "default"
    running: bool = False


def in_text(text: str, name: str, reading: Reading, *, kept: bool = False) -> Iterator[Resource]:
    """Yields the objects of a file's text, in their order; raises InputError with file:line:column.

    The text is `kept` for their places if the file can't be read again.

    A dump (`kubectl get -o yaml`) loses what the cluster added, and is ordered by creation time, since meshes
    break ties by age.
    """
    for document in parse(text, name):
        if document.data is not None:
            yield from in_document(document, partial(in_file, name, kept=text if kept else None), reading)


def in_document(document: Document, located: Locate, reading: Reading) -> Iterator[Resource]:
    """Yields the object that a document is, or the objects of its List; raises InputError."""
    yield from _objects(document, document.data, (), located, reading)


def built(build: Build, reading: Reading) -> Iterator[Resource]:
    """Yields the objects of what kubectl made of a kustomization."""
    for document in parse(build.text, build.folder):
        if document.data is not None:
            yield from in_document(document, lambda made, _: build.take_place(made.data), reading)


def is_object(data: object) -> bool:
    """Returns whether a document is meant as an object that a cluster holds, or as a List of them.

    Values, settings of tools, and what only `kubectl create` takes (a name to be made up) aren't.
    """
    kind = data.get("kind") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(kind, str) or not kind[:1].isupper():
        return False
    metadata = data.get("metadata")
    if "apiVersion" not in data or kind.endswith("List") or kind in _NAMELESS:
        return True
    return isinstance(metadata, dict) and ("name" in metadata or "generateName" not in metadata)


def from_api(objects: Iterable[dict[str, Any]], source: str) -> tuple[Resource, ...]:
    """Returns objects that an API answered with, as a dump of it read with `running`: older first."""
    where = Location(source)
    reading = Reading(running=True)
    resources = (_resource(data, where, reading) for data in sorted(objects, key=_created))
    return tuple(resource for resource in resources if resource is not None)


def _objects(
    document: Document, data: Any, path: KeyPath, located: Locate, reading: Reading
) -> Iterator[Resource]:
    where = located(document, path)
    if not isinstance(data, dict):
        raise InputError(f"not a Kubernetes object but {_plain(data)}", where=Place(where))
    for key in _TYPE:
        if not isinstance(data.get(key), str) or not data[key]:
            raise InputError(f"not a Kubernetes object: {key} is missing", where=Place(where, key, data))
    if data["kind"].endswith("List") and "items" in data:
        items = data["items"]
        if not isinstance(items, list):
            raise InputError("the items of a List must be a list", where=Place(where, "items", data))
        for index in sorted(range(len(items)), key=lambda index: _created(items[index])):
            yield from _objects(document, items[index], (*path, "items", index), located, reading)
        return
    if resource := _resource(data, where, reading):
        yield resource


def _created(item: object) -> str:
    """When a live cluster made an object (RFC 3339, in UTC), empty if that isn't known."""
    metadata = item.get("metadata") if isinstance(item, dict) else None
    written = metadata.get("creationTimestamp") if isinstance(metadata, dict) else None
    try:
        made = datetime.fromisoformat(written or "")
    except (TypeError, ValueError):
        return ""
    return made.replace(tzinfo=made.tzinfo or UTC).astimezone(UTC).isoformat()


def _resource(data: dict[str, Any], where: Location, reading: Reading) -> Resource | None:
    kind, metadata = data["kind"], data.get("metadata")
    if kind in _NAMELESS and isinstance(metadata or {}, dict):
        metadata = {"name": _NAMELESS[kind], **(metadata or {})}
        data = {**data, "metadata": metadata}
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str) or not metadata["name"]:
        place = Place(where, "metadata", data)
        raise InputError(f"{kind} without metadata.name", where=place, todo="give it a name")

    for key in ("name", "namespace"):
        if _TEMPLATE.search(written := str(metadata.get(key))):
            place, todo = Place(where, f"metadata.{key}", data), "render it first (helm template, envsubst …)"
            raise InputError("an unrendered template", where=place, why=written, todo=todo)

    for key, forbidden in (("name", _NO_NAME), ("namespace", _NO_NAMESPACE)):
        written = metadata.get(key) or ""
        if isinstance(written, str) and (fault := forbidden.search(written)):
            place = Place(where, f"metadata.{key}", data)
            name = "" if key == "name" else f" {metadata['name']}"
            raise InputError(
                f"{kind}{name} with a {key} that no cluster takes: {written[:100]!r}",
                where=place,
                why="it is too long" if len(written) > 63 else f"{fault[0]!r} can't be in it",
                todo="name it as Kubernetes does: letters, digits, - and .",
            )

    def wrong(field: str, what: str, todo: str = "") -> InputError:
        words = f"{kind} {metadata['name']}: metadata.{field} must be {what}"
        return InputError(words, where=Place(where, f"metadata.{field}", data), todo=todo)

    for key in ("labels", "annotations"):
        entries = metadata.get(key) or {}
        if not isinstance(entries, dict):
            raise wrong(key, "a mapping")
        for name, value in entries.items():
            if not isinstance(value, str):
                raise wrong(f"{key}.{name}", "text", f'quote it: {name}: "{value}"')
    created = _created(data)
    if metadata.get("creationTimestamp") and not created:
        raise wrong("creationTimestamp", "a time", "write it as 2006-01-02T15:04:05Z, or leave it out")
    if not isinstance(metadata.get("namespace") or "", str):
        raise wrong("namespace", "text")
    if dumps.is_derived(data, running=reading.running):
        return None
    namespace = "" if kind in CLUSTER_SCOPED else metadata.get("namespace") or reading.namespace
    cleaned = dumps.cleaned(data, namespace, running=reading.running)
    return Resource(data["apiVersion"], kind, namespace, metadata["name"], cleaned, where, created)


def _plain(data: object) -> str:
    return {list: "a list", str: "text", int: "a number", float: "a number", bool: "a truth value"}.get(
        type(data), "something else"
    )
