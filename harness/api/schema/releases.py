"""What releases of the Gateway API serve, and what of it each mesh reads, as releases.yaml says."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from harness.api.gateway_api import GROUP
from harness.api.kubernetes.definition import BUNDLE_VERSION, CHANNEL, CHOSEN, release_number
from harness.api.kubernetes.metadata import annotations_of
from harness.base.errors import InputError, did_you_mean
from harness.base.places import Location
from harness.base.resources import Resource

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.base.vocabulary import Mesh

STANDARD, EXPERIMENTAL = "standard", "experimental"
"""The channels: each release has both, and the second has all of the first."""

NEWEST = "1.6"
"""The release that counts where nothing says which."""

_TABLE = yaml.safe_load(Path(__file__).with_name("releases.yaml").read_text(encoding="utf-8"))
_WRITTEN = re.compile(r"v?(\d+\.\d+)(?:\.\d+)?(?:/(\w+))?")


@dataclass(frozen=True)
class Release:
    """A release of the Gateway API, in one channel."""

    number: str
    channel: str = STANDARD

    @classmethod
    def parse(cls, text: str, where: str = "") -> Release:
        """Reads `1.6/standard`, `v1.6.1/experimental` or `1.6` (standard); raises InputError for others."""
        written = _WRITTEN.fullmatch(text)
        number, channel = (written[1], written[2] or STANDARD) if written else (text, STANDARD)
        if channel not in _TABLE["gateway_api"].get(number, ()):
            raise InputError(
                f"no release of the Gateway API is {text!r}",
                where=where,
                todo=did_you_mean(text, (str(cls(of, each)) for of, every in _RELEASES for each in every)),
            )
        return cls(number, channel)

    @classmethod
    def of(cls, definition: Resource) -> Release | None:
        """Returns the release that a definition says it is of; None if it says none, or one unknown here."""
        marks = annotations_of(definition)
        written = _WRITTEN.fullmatch(f"{marks.get(BUNDLE_VERSION, '')}/{marks.get(CHANNEL, '')}")
        known = written and written[2] in _TABLE["gateway_api"].get(written[1], ())
        return cls(written[1], written[2]) if written and known else None

    def __str__(self) -> str:
        return f"{self.number}/{self.channel}"

    @property
    def tag(self) -> str:
        """Its last patch release, as it is tagged."""
        tags: dict[str, str] = {tag[1:].rpartition(".")[0]: tag for tag in _TABLE["newest"].split()}
        return tags[self.number]

    @property
    def versions(self) -> dict[tuple[str, str], frozenset[str]]:
        """The versions that it serves, by API group and kind."""
        kinds: dict[str, str] = _TABLE["gateway_api"][self.number][self.channel]
        return {(GROUP, kind): frozenset(versions.split()) for kind, versions in kinds.items()}

    def lacking(self, resource: Resource) -> Lack | None:
        """Returns the first thing that an object, perhaps unchecked, says and this release doesn't have."""
        written: Any = resource.data.get("spec")
        for path, since in _TABLE["fields"].get(resource.kind, {}).items():
            first = since.split()[self.channel == EXPERIMENTAL]
            if first == "-" or release_number(self.number) < release_number(first):
                for place in _places(written, path.split("."), "spec"):
                    version, kind = resource.version, resource.kind
                    what = f'{kind} in version "{version}" cannot be handled as a {kind}'
                    return Lack(place, f'{what}: strict decoding error: unknown field "{place}"')
        if fault := _port_fault(written, self.channel):
            several = "when parentRefs includes 2 or more references to the same parent"
            words = f'Invalid value: "array": {fault} {several}'
            what = f'The {resource.kind} "{resource.name}" is invalid: spec.parentRefs: {words}'
            return Lack("spec.parentRefs", what)
        return None

    def definitions(self, where: str) -> tuple[Resource, ...]:
        """Returns its CustomResourceDefinitions, without schemas; `where` names who chose it."""
        return tuple(
            _definition(self, kind, sorted(versions), where) for (_, kind), versions in self.versions.items()
        )


_PARTS = ("group", "kind", "namespace", "name", "sectionName")


class Lack(NamedTuple):
    """A field that a release doesn't have, or not so, and how the API server refuses it."""

    field: str
    what: str


def _places(value: Any, path: Sequence[str], where: str) -> Iterator[str]:
    """Where a field stands in what is written, through all lists."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _places(item, path, f"{where}[{index}]")
    elif not path:
        yield where
    elif isinstance(value, dict) and value.get(path[0]) is not None:
        yield from _places(value[path[0]], path[1:], f"{where}.{path[0]}")


def _port_fault(spec: Any, channel: str) -> str:
    """What is wrong with a route's parents that differ by their ports alone, empty if nothing is."""
    refs = spec.get("parentRefs") if isinstance(spec, dict) else None
    alike: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    for ref in refs if isinstance(refs, list) else ():
        if isinstance(ref, dict):
            alike[tuple(str(ref.get(part) or "") for part in _PARTS)].add(str(ref.get("port") or ""))
    several = [ports for ports in alike.values() if len(ports) > 1]
    if several and channel == STANDARD:
        return "sectionName must be unique"
    return "sectionName or port must be specified" if any("" in ports for ports in several) else ""


_RELEASES = tuple((number, tuple(channels)) for number, channels in _TABLE["gateway_api"].items())


def _definition(release: Release, kind: str, versions: list[str], where: str) -> Resource:
    plural = re.sub("y$", "ie", re.sub("s$", "se", kind.lower())) + "s"
    name = f"{plural}.{GROUP}"
    annotations = {BUNDLE_VERSION: f"v{release.number}", CHANNEL: release.channel, CHOSEN: where}
    data: dict[str, Any] = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": name, "annotations": annotations},
        "spec": {
            "group": GROUP,
            "names": {"kind": kind, "plural": plural},
            "versions": [{"name": version, "served": True} for version in versions],
        },
    }
    return Resource(data["apiVersion"], data["kind"], "", name, data, Location(where))


def version_read(mesh: Mesh, kind: str) -> str | None:
    """Returns the version of a kind of the Gateway API that a mesh watches; None if it watches none."""
    version: str | None = _TABLE["reads"][mesh].get(kind)
    return version
