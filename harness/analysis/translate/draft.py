"""A translation while it is made: the objects so far, the findings, and what is known of the estate."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from harness.analysis.translate.coverage import unread
from harness.analysis.translate.finding import Finding
from harness.api.kubernetes.metadata import Metadata, labels_of
from harness.api.kubernetes.workload import template_of
from harness.base.places import NOWHERE
from harness.base.resources import CLUSTER_SCOPED, Resource

if TYPE_CHECKING:
    from harness.analysis.translate.estate import Estate
    from harness.api.node import Node
    from harness.api.served import Served
    from harness.manifests.patching import Patch

MAX_NAME = 63
"""Characters of a Service's name; other kinds take longer ones."""

Fields = dict[str, Any]
Texts = Mapping[str, str]
Origins = Iterable[Resource]


@dataclass(frozen=True)
class Translated:
    """An object of a translation, and the objects that it comes from."""

    resource: Resource
    origins: tuple[Resource, ...]


class Draft:
    """Collects what a translation makes for a cluster on which certain kinds are `served`.

    `subsets` are the Services that subsets became, by full host and name (None where the host's Service isn't
    known); `gateways` the Gateways made of Istio's, by `namespace/name`; `moving` the namespaces that
    change the mesh, `assumed` those of them that are taken to be in Istio, though nothing says so.
    """

    def __init__(self, estate: Estate, served: Served) -> None:
        self.estate = estate
        self.served = served
        self.findings: dict[Finding, None] = {}
        self.patches: list[Patch] = []
        self.subsets: dict[tuple[str, str], Resource | None] = {}
        self.gateways: dict[str, Resource] = {}
        self.sections: dict[str, tuple[str, ...]] = {}
        self.moving: set[str] = set()
        self.assumed: list[str] = []
        self._objects: dict[tuple[str, str, str, str], Translated] = {}
        self._made: defaultdict[tuple[str, str, str], list[Resource]] = defaultdict(list)

    @property
    def objects(self) -> tuple[Translated, ...]:
        """The objects, in the order in which they were made."""
        return tuple(self._objects.values())

    def report(
        self, code: str, at: Node | Resource, field: str = "", *, rule: str = "", **facts: object
    ) -> None:
        """Adds what a code of findings.yaml says of a field (see `Finding.of`), unless it is there."""
        self.findings[Finding.of(code, at, field, rule=rule, **facts)] = None

    def finish(self, reading: Node, *, at_gateway: bool = False) -> None:
        """Reports every field of an object, or of a part of one (for gateways alone), that nobody read."""
        self.findings |= dict.fromkeys(unread(reading, at_gateway=at_gateway))

    def add(
        self,
        api_version: str,
        kind: str,
        namespace: str,
        name: str,
        spec: Mapping[str, Any],
        origins: Origins,
        annotations: Texts | None = None,
    ) -> Resource:
        """Adds an object with its first origin's labels; a name that is taken gets a number."""
        origins = tuple(origins)
        name = self._free(api_version.rpartition("/")[0], kind, namespace, name)
        metadata: Fields = {"name": name}
        if kind not in CLUSTER_SCOPED:
            metadata["namespace"] = namespace
        labels = labels_of(origins[0]) if origins else {}
        metadata |= {"labels": dict(labels)} if labels else {}
        metadata |= {"annotations": dict(sorted(annotations.items()))} if annotations else {}
        data = {"apiVersion": api_version, "kind": kind, "metadata": metadata}
        data |= {"spec": dict(spec)} if spec else {}
        where = origins[0].where if origins else NOWHERE
        made = Resource(api_version, kind, namespace, name, data, where)
        self._objects[made.key] = Translated(made, origins)
        self._made[api_version, kind, namespace].append(made)
        return made

    def annotate(self, resource: Resource, annotations: Texts, origins: Origins) -> None:
        """Sets annotations of an object of the estate."""
        self._annotate(Metadata.of(self.current(resource)), annotations, origins)

    def annotate_namespace(self, name: str, annotations: Texts, origins: Origins) -> None:
        """Sets annotations of a Namespace, which need not be in the manifests."""
        made = self._objects.get(("", "Namespace", "", name))
        if existing := self.estate.namespaces.get(name) or (made and made.resource):
            self.annotate(existing, annotations, origins)
            return
        metadata = {"name": name, "annotations": dict(annotations)}
        data = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
        namespace = Resource("v1", "Namespace", "", name, data)
        self._objects[namespace.key] = Translated(namespace, tuple(origins))

    def annotate_pods(self, resource: Resource, annotations: Texts, origins: Origins) -> None:
        """Sets annotations of the pods that a workload of the estate makes."""
        self._annotate(template_of(self.current(resource)).metadata, annotations, origins)

    def _annotate(self, metadata: Metadata, annotations: Texts, origins: Origins) -> None:
        merged = {**metadata.annotations, **annotations}
        self.change_metadata(metadata, {**metadata.data, "annotations": merged}, origins)

    def change_metadata(self, metadata: Metadata, entries: Mapping[str, Any], origins: Origins = ()) -> None:
        """Takes an object of the estate over with other metadata, of its own or of its pods."""
        self.change(metadata, entries, origins)

    def change(self, part: Node, entries: Mapping[str, Any], origins: Origins = ()) -> None:
        """Takes an object of the estate over with other entries in a part of it."""
        resource = part.resource
        before = self._objects.get(resource.key)
        kept = dict.fromkeys((*(before.origins if before else (resource,)), *origins))
        data = _with(resource.data, part.path.split("."), entries)
        self._objects[resource.key] = Translated(replace(resource, data=data), tuple(kept))

    def made(self, api_version: str, kind: str, namespace: str) -> list[Resource]:
        """Returns the objects of a kind that the translation has made (not changed) in a namespace by now."""
        return self._made[api_version, kind, namespace]

    def current(self, resource: Resource) -> Resource:
        """Returns an object of the estate as the translation has it by now."""
        made = self._objects.get(resource.key)
        return made.resource if made else resource

    def _free(self, group: str, kind: str, namespace: str, name: str) -> str:
        limit = MAX_NAME if kind == "Service" else 253
        name, number = name[:limit].rstrip("-."), 1
        wanted = name
        while (key := (group, kind, namespace, name)) in self._objects or key in self.estate.keys:
            number += 1
            suffix = f"-{number:02}"
            name = wanted[: limit - len(suffix)] + suffix
        return name


def _with(data: Mapping[str, Any], path: list[str], entries: Mapping[str, Any]) -> Fields:
    """The data with other entries at a path of it."""
    inner = data.get(path[0]) or {}
    return {**data, path[0]: _with(inner, path[1:], entries) if path[1:] else dict(entries)}
