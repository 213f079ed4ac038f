"""Manifests as users name them: files, folders with all below them, kustomizations, dumps, standard input."""

from __future__ import annotations

import sys
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from harness.base.errors import HarnessError, InputError
from harness.base.listing import some
from harness.manifests import folders, kustomize
from harness.manifests.documents import MAX_BYTES, bounded, decoded, keeping_all, parse, read_text
from harness.manifests.objects import Reading, built, in_document, in_text, is_object
from harness.manifests.places import in_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from concurrent.futures import Future

    from harness.base.resources import Resource

STDIN = Path("-")
_INPUT = "standard input"
_BUILDERS = 8
"""Kustomizations that are built at one time."""

_LISTED = 10
"""Same-named objects that are listed one by one."""

Batches = tuple[tuple["Resource", ...], ...]

_TEMPLATE = "a template ({{ … }}): render it (helm template …), and name what comes of it"
_CHART = "a Helm chart: render it (helm template …), and name what comes of it"


@dataclass(frozen=True)
class Unread:
    """A file or folder whose objects aren't known, and why: nothing can be proven of them."""

    path: str
    why: str

    def __str__(self) -> str:
        return f"{self.path}: not read: {self.why}"


@dataclass(frozen=True)
class Manifests:
    """The objects that paths hold, by path; of those with one name the last one, in the first one's place.

    `notes` are lines for the user: what was skipped, and which objects stand in several places.
    """

    batches: Batches
    notes: tuple[str, ...] = ()
    unread: tuple[Unread, ...] = ()

    @property
    def remarks(self) -> tuple[str, ...]:
        """Its notes, and a line for each reason for which something wasn't read."""
        by_reason: defaultdict[str, list[str]] = defaultdict(list)
        for unread in self.unread:
            by_reason[unread.why].append(unread.path)
        return (
            *self.notes,
            *(f"not read: {some(dict.fromkeys(paths))}: {why}" for why, paths in by_reason.items()),
        )

    @property
    def resources(self) -> tuple[Resource, ...]:
        """All objects."""
        return tuple(resource for batch in self.batches for resource in batch)


def read_manifests(path: Path, *, recursive: bool = True, running: bool = False) -> tuple[Resource, ...]:
    """Returns the objects at a path, in the order in which they stand; raises what `read` raises."""
    return read([path], Reading(recursive=recursive, running=running)).resources


@keeping_all()
def read(paths: Iterable[Path], reading: Reading = Reading()) -> Manifests:  # noqa: B008 - it is frozen
    """Returns what manifest files and folders hold; `-` is standard input.

    A folder is read as `kubectl apply -R -f` does, or built by `kubectl kustomize` if it has a kustomization
    itself; one below is built, too (`folders.parts`). In a folder what isn't a Kubernetes object is skipped,
    and what can't be read is `unread`; a file that is named itself must be right.
    Raises InputError with file:line:column, MissingError without the kubectl that a kustomization needs.
    """
    found = _Found(reading)
    batches, replaced = _without_earlier(tuple(tuple(found.at(path)) for path in paths))
    return Manifests(batches, (*found.notes(), *replaced), tuple(found.unread))


@dataclass
class _Found:
    """What is found on the way."""

    reading: Reading
    skipped: list[str] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)

    def at(self, path: Path) -> Iterable[Resource]:
        if path == STDIN:
            text = decoded(bounded(sys.stdin.buffer, _INPUT, MAX_BYTES), _INPUT)
            return in_text(text, _INPUT, self.reading, kept=True)
        if not path.is_dir():
            return in_text(read_text(path, MAX_BYTES), str(path), self.reading)
        if folders.kustomization(path):
            return built(kustomize.build(path), self.reading)
        if folders.is_chart(path):
            raise InputError(_CHART, where=str(path))
        before = len(self.unread)
        parts = folders.parts(path, recursive=self.reading.recursive)
        made = [part for part in parts if part.is_dir() and not folders.is_chart(part)]
        with ThreadPoolExecutor(_BUILDERS) as pool:  # each is a kubectl, which may wait for the network
            builds = {part: pool.submit(kustomize.build, part) for part in made}
            objects = [resource for part in parts for resource in self.below(part, builds.get(part))]
        if not objects and len(self.unread) == before:
            self.empty.append(str(path))
        return objects

    def below(self, path: Path, build: Future[kustomize.Build] | None) -> Iterable[Resource]:
        """The objects of a part of a folder; a kustomization is being built."""
        if folders.is_chart(path):
            self.unread.append(Unread(str(path), _CHART))
            return ()
        try:
            return [*built(build.result(), self.reading)] if build else self.in_file(path)
        except HarnessError as error:
            template = path.is_file() and "{{" in path.read_text(encoding="utf-8", errors="replace")
            self.unread.append(Unread(error.where or str(path), _TEMPLATE if template else error.brief))
            return ()

    def in_file(self, path: Path) -> list[Resource]:
        name, text = str(path), read_text(path, MAX_BYTES)
        if "kind" not in text:  # most of what isn't an object needn't be parsed
            self.skipped.append(name)
            return []
        try:
            documents = list(parse(text, name))
        except InputError:
            if "apiVersion" in text:
                raise
            self.skipped.append(name)  # no object can do without
            return []
        objects: list[Resource] = []
        for document in documents:
            if is_object(document.data):
                objects += in_document(document, lambda part, at: in_file(name, part, at), self.reading)
            elif document.data is not None:
                self.skipped.append(str(in_file(name, document, ())))
        return objects

    def notes(self) -> Iterator[str]:
        if self.skipped:
            first, *others = self.skipped
            which = f"{len(self.skipped)} documents that aren't Kubernetes objects, the first in {first}"
            yield f"skipped: {which if others else f'{first}, which is no Kubernetes object'}"
        yield from (f"{path}: the folder holds no manifest" for path in self.empty)


def _without_earlier(batches: Batches) -> tuple[Batches, tuple[str, ...]]:
    """The objects without those that a later one of the same name replaces, and what to say about that.

    So `kubectl apply` does: the last one is what the cluster holds, as old as the first one.
    """
    versions: defaultdict[tuple[str, ...], list[Resource]] = defaultdict(list)
    for resource in (resource for batch in batches for resource in batch):
        versions[resource.key].append(resource)
    several = {key: alike for key, alike in versions.items() if alike[1:]}
    if not several:
        return batches, ()
    lasting = {id(alike[0]): alike[-1] for alike in several.values()}
    joined = tuple(
        tuple(lasting.get(id(each), each) for each in batch if each is versions[each.key][0])
        for batch in batches
    )
    differing = [alike for alike in several.values() if any(each != alike[-1] for each in alike)]
    return joined, tuple(_replaced(differing))


def _replaced(versions: list[list[Resource]]) -> Iterator[str]:
    for *earlier, last in versions[:_LISTED]:
        places = some(dict.fromkeys(str(each.place()) for each in earlier))
        yield f"{last.place()}: {last} replaces what stands at {places}: the last one counts, as with kubectl"
    if (left := len(versions) - _LISTED) > 0:
        yield f"{left} more objects stand in several places: the last one counts, as with kubectl"
