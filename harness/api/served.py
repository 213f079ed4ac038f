"""Which kinds, in which versions, a cluster's API server serves beside Kubernetes' own.

CustomResourceDefinitions say it for their API groups. For a group without any a release's bundle does, by
its name; which release stands where is an assumption, so commands print it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from harness.api.gateway_api import GROUP
from harness.api.kubernetes.definition import CustomResourceDefinition, release
from harness.api.schema.kinds import KINDS, MESH_OF_GROUP, RELEASES
from harness.api.schema.releases import EXPERIMENTAL, NEWEST, Lack, Release, version_read
from harness.base.vocabulary import Mesh

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from harness.base.resources import Resource

GroupKind = tuple[str, str]


@dataclass(frozen=True)
class Bundle:
    """The definitions of a release.

    `wider` has all of it and more: it stands in this one's place as soon as an object needs it.
    """

    name: str
    groups: frozenset[str]
    versions: Mapping[GroupKind, frozenset[str]] = field(repr=False)
    release: Release | None = None
    wider: Bundle | None = field(default=None, repr=False)

    def serves(self, resource: Resource) -> bool:
        """Returns whether an object of its groups is of a kind and version of it.

        Of the Gateway API all are listed; other kinds that aren't listed are served in any version.
        """
        versions = self.versions.get((resource.group, resource.kind))
        return self.release is None if versions is None else resource.version in versions

    def has(self, resource: Resource) -> bool:
        """Returns whether all that an object of its groups says is of it."""
        return self.serves(resource) and not (self.release and self.release.lacking(resource))


def _of_mesh(mesh: Mesh) -> Bundle:
    name, groups = RELEASES[mesh]
    versions = {key: frozenset(kind.versions) for key, kind in KINDS.items() if key[0] in groups}
    return Bundle(name, groups, versions)


def _of_gateway_api(release: Release, wider: Bundle | None = None) -> Bundle:
    name, groups = RELEASES["gateway_api"]
    return Bundle(f"{name} {release}", groups, release.versions, release, wider)


GATEWAY_API = _of_gateway_api(Release(NEWEST), _of_gateway_api(Release(NEWEST, EXPERIMENTAL)))
OF_MESH = {mesh: _of_mesh(mesh) for mesh in Mesh}
_GROUPS = GATEWAY_API.groups | MESH_OF_GROUP.keys()


@dataclass(frozen=True)
class Served:
    """The kinds that are served: those of definitions, and of bundles for groups without any."""

    bundles: tuple[Bundle, ...] = ()
    definitions: Mapping[GroupKind, Resource] = field(default_factory=dict)

    def includes(self, resource: Resource) -> bool:
        """Returns whether an object is of a kind and version that is served; Kubernetes' own always is."""
        if resource.group not in _GROUPS and resource.group not in self._defined:
            return True
        if resource.group in self._defined:
            return resource.version in self._versions(resource.group, resource.kind)
        return any(bundle.serves(resource) for bundle in self.bundles if resource.group in bundle.groups)

    def lacking(self, resource: Resource) -> Lack | None:
        """Returns what an object says that the release which is there doesn't have.

        A cluster's own definitions say that by their schemas, if they show them.
        """
        if resource.group != GROUP:
            return None
        if definition := self._definition(GROUP, resource.kind):
            release = Release.of(definition.resource) if definition.chosen else None
        else:
            release = next((bundle.release for bundle in self.bundles if bundle.release), None)
        return release.lacking(resource) if release else None

    def definition(self, resource: Resource) -> CustomResourceDefinition | None:
        """Returns the definition of an object's kind, None if there is none, or only its name."""
        definition = self._definition(resource.group, resource.kind)
        return None if definition is None or definition.chosen else definition

    def unread(self, mesh: Mesh, kind: str) -> str:
        """Returns why a mesh reads no object of a kind of the Gateway API; empty if it reads them.

        It watches one version of a kind: where that isn't served it passes over all objects of the kind,
        whatever version they are written in.
        """
        version = version_read(mesh, kind)
        if version is None:
            return f"{mesh.title()} reads no {kind}"
        if version in self._versions(GROUP, kind):
            return ""
        source = next((source for source in self.sources if "gateway" in source), "this cluster")
        return f"{mesh.title()} reads {kind} of {version} alone, which isn't served ({source})"

    def _definition(self, group: str, kind: str) -> CustomResourceDefinition | None:
        written = self.definitions.get((group, kind))
        return CustomResourceDefinition.kept(written) if written else None

    def _versions(self, group: str, kind: str) -> frozenset[str]:
        """The versions of a kind that are served, by its group's definitions or else by a bundle."""
        if group in self._defined:
            definition = self._definition(group, kind)
            return definition.served if definition else frozenset()
        every = (bundle.versions.get((group, kind), frozenset()) for bundle in self.bundles)
        return frozenset().union(*every)

    def needing(self, resource: Resource) -> Served:
        """Returns the same with a wider bundle, if that is what it takes to serve an object."""
        wider = tuple(
            bundle.wider
            if resource.group in bundle.groups
            and bundle.wider
            and not bundle.has(resource)
            and bundle.wider.has(resource)
            else bundle
            for bundle in self.bundles
        )
        return self if wider == self.bundles else replace(self, bundles=wider)

    def with_mesh(self, mesh: Mesh) -> Served:
        """Returns the same after a mesh was installed, which brings the Gateway API along."""
        return self.having(GATEWAY_API).having(OF_MESH[mesh])

    def without_mesh(self, mesh: Mesh) -> Served:
        """Returns the same after a mesh was uninstalled: the Gateway API stays."""
        bundles = tuple(bundle for bundle in self.bundles if bundle != OF_MESH[mesh])
        definitions = self.definitions.items()
        kept = {key: written for key, written in definitions if MESH_OF_GROUP.get(key[0]) is not mesh}
        return Served(bundles, kept)

    def having(self, bundle: Bundle) -> Served:
        """Returns the same with a bundle; nothing changes where one for its groups is there."""
        if any(bundle.groups & other.groups for other in self.bundles):
            return self
        return replace(self, bundles=(*self.bundles, bundle))

    def defining(self, definition: Resource) -> Served:
        """Returns the same with a definition."""
        key = CustomResourceDefinition.kept(definition).defines
        return replace(self, definitions={**self.definitions, key: definition})

    def without_definitions(self, kinds: Collection[GroupKind]) -> Served:
        """Returns the same without the definitions of these kinds."""
        kept = {key: definition for key, definition in self.definitions.items() if key not in kinds}
        return replace(self, definitions=kept)

    @cached_property
    def _defined(self) -> frozenset[str]:
        return frozenset(group for group, _ in self.definitions)

    @property
    def sources(self) -> tuple[str, ...]:
        """What says which kinds are served: bundles by name, groups by their definitions."""
        assumed = [
            bundle.name
            for bundle in self.bundles
            if any(group not in self._defined for group, _ in bundle.versions)
        ]
        return (*assumed, *map(self._source, sorted(self._defined)))

    def _source(self, group: str) -> str:
        """What says which kinds of a defined group are served."""
        definitions = [written for (of, _), written in self.definitions.items() if of == group]
        releases = ", ".join(sorted(set(filter(None, map(release, definitions)))))
        chosen = {CustomResourceDefinition.kept(written).chosen for written in definitions}
        by = ", ".join(sorted(who or "its CustomResourceDefinitions" for who in chosen))
        return f"{f'{group} {releases}'.rstrip()} ({by})"

    def unevaluated(self, objects: Iterable[Resource]) -> tuple[str, ...]:
        """Returns the rules of these objects' definitions that can't be evaluated, each with its kind."""
        if not self.definitions:
            return ()
        versions = {(resource.group, resource.kind, resource.version) for resource in objects}
        rules: list[str] = []
        for group, kind, version in sorted(versions):
            if written := self.definitions.get((group, kind)):
                from harness.api.schema import structure  # its libraries are needed for definitions alone

                definition = CustomResourceDefinition.kept(written)
                left = structure.unevaluated(definition, version)
                rules += [f"{group}/{version} {kind} {rule}" for rule in left]
        return tuple(rules)


NOTHING = Served()
"""Where neither a mesh nor the Gateway API is installed."""
