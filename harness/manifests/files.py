"""Manifests as users have them: files, folders, kustomizations, and dumps of a live cluster."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from harness.base.errors import InputError
from harness.base.places import Location, Place
from harness.base.resources import CLUSTER_SCOPED, Resource
from harness.manifests import dumps, kustomize
from harness.manifests.documents import MAX_BYTES, keeping_all, parse, read_text
from harness.manifests.places import in_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from harness.manifests.spans import Document, KeyPath

Locate: TypeAlias = "Callable[[Document, KeyPath], Location]"
"""Returns where the object at a path of a document comes from."""

SUFFIXES = (".yaml", ".yml", ".json")


@keeping_all()
def read_manifests(path: Path, *, running: bool = False) -> tuple[Resource, ...]:
    """Returns the objects of a manifest file or folder, in the order in which they stand.

    A folder is read as `kubectl apply -f` does (its own files by name, not its sub-folders), or
    built by `kubectl kustomize` if it holds a kustomization. A dump (`kubectl get -o yaml`) loses
    what the cluster added, and is ordered by creation time, since meshes break ties by age. With `running`
    it keeps what tells how the cluster ran: controllers' pods, pods' status, Services' addresses.
    Raises InputError with file:line:column, MissingError without the kubectl that a kustomization needs.
    """
    if path.is_dir():
        if any((path / name).exists() for name in kustomize.NAMES):
            built = kustomize.Built(str(path))
            return _resources(kustomize.build(path), str(path), lambda *_: built, running=running)
        files = sorted(file for file in path.iterdir() if file.suffix in SUFFIXES)
        if not files:
            raise InputError(
                "the folder holds no manifest", where=str(path), todo=f"put {', '.join(SUFFIXES)} files there"
            )
        return tuple(resource for file in files for resource in read_manifests(file, running=running))
    name = str(path)
    return _resources(read_text(path, MAX_BYTES), name, partial(in_file, name), running=running)


def from_api(objects: Iterable[dict[str, Any]], source: str) -> tuple[Resource, ...]:
    """Returns objects that an API answered with, as a dump of it read with `running`: older first."""
    where = Location(source)
    resources = (_resource(data, where, running=True) for data in sorted(objects, key=_created))
    return tuple(resource for resource in resources if resource is not None)


def _resources(text: str, name: str, located: Locate, *, running: bool) -> tuple[Resource, ...]:
    documents = (document for document in parse(text, name) if document.data is not None)
    return tuple(
        resource for part in documents for resource in _objects(part, part.data, (), located, running)
    )


def _objects(
    document: Document, data: Any, path: KeyPath, located: Locate, running: bool
) -> Iterator[Resource]:
    where = located(document, path)
    if not isinstance(data, dict):
        raise InputError(f"not a Kubernetes object but {_plain(data)}", where=Place(where))
    for key in ("apiVersion", "kind"):
        if not isinstance(data.get(key), str) or not data[key]:
            raise InputError(f"not a Kubernetes object: {key} is missing", where=Place(where, key, data))
    if data["kind"].endswith("List") and "items" in data:
        items = data["items"]
        if not isinstance(items, list):
            raise InputError("the items of a List must be a list", where=Place(where, "items", data))
        for index in sorted(range(len(items)), key=lambda index: _created(items[index])):
            yield from _objects(document, items[index], (*path, "items", index), located, running)
        return
    if resource := _resource(data, where, running=running):
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


def _resource(data: dict[str, Any], where: Location, *, running: bool) -> Resource | None:
    kind, metadata = data["kind"], data.get("metadata")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str) or not metadata["name"]:
        place = Place(where, "metadata", data)
        raise InputError(f"{kind} without metadata.name", where=place, todo="give it a name")

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
    if dumps.is_derived(data, running=running):
        return None
    namespace = "" if kind in CLUSTER_SCOPED else metadata.get("namespace") or "default"
    cleaned = dumps.cleaned(data, namespace, running=running)
    return Resource(data["apiVersion"], kind, namespace, metadata["name"], cleaned, where, created)


def _plain(data: object) -> str:
    return {list: "a list", str: "text", int: "a number", float: "a number", bool: "a truth value"}.get(
        type(data), "something else"
    )
