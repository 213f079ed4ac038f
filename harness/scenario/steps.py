"""What is done in a transition: each step on a site; done again it changes nothing more."""

from __future__ import annotations

import shlex
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

from harness.base import ROOT_NAMESPACE, ObjectName, StageError
from harness.base.extensions import Extensible, subclass_of
from harness.expectations.values import Strict
from harness.traffic.observables import Basis

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from harness.analysis.translate import Translation
    from harness.base import Installation, Mesh, Resource, Workload
    from harness.ground.condition import Condition
    from harness.ground.ground import Provider
    from harness.manifests.patching import Patch

_MESH_CONFIG = ("", "ConfigMap", ROOT_NAMESPACE, "istio")
"""The key of the object that holds Istio's MeshConfig."""


class RefusedCommandError(StageError):
    """A command of a scenario that nobody has allowed."""


@dataclass
class Site:
    """Where steps are done: a provider, and what the scenario has there by now.

    `configs` and `translations` change as configurations are translated anew; `applied` names the
    configurations that are in place, the last applied last.
    """

    provider: Provider
    apps: tuple[Resource, ...] = ()
    configs: dict[str, tuple[Resource, ...]] = field(default_factory=dict)
    translations: dict[str, Translation] = field(default_factory=dict)
    sources: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Of each translated configuration, the names of those that it is translated of."""
    applied: list[str] = field(default_factory=list)
    allow_run: bool = False
    definitions: tuple[Resource, ...] = ()
    """Those of the release of the Gateway API that the scenario wants."""

    def extend(
        self,
        configs: Mapping[str, tuple[Resource, ...]],
        translations: Mapping[str, Translation],
        sources: Mapping[str, tuple[str, ...]],
    ) -> None:
        """Takes configurations that come later; those that are here stay as they are by now."""
        self.configs = {**configs, **self.configs}
        self.translations = {**translations, **self.translations}
        self.sources = sources

    def apply(self, config: str) -> None:
        """Applies a configuration, with the patches that come with a translation."""
        if self.configs[config]:
            self.provider.apply(self.configs[config])
        translation = self.translations.get(config)
        for patch in translation.patches if translation else ():
            self.provider.patch(patch)
        self.applied = [name for name in self.applied if name != config] + [config]

    def remove(self, resources: Iterable[Resource]) -> None:
        """Deletes objects; what an app or another applied configuration has, too, becomes as that has it."""
        others = [*self.apps, *(resource for name in self.applied for resource in self.configs[name])]
        kept = {resource.key: resource for resource in others}
        named = tuple(resources)
        gone = [resource for resource in named if resource.key not in kept]
        shared = [kept[resource.key] for resource in named if resource.key in kept]
        if gone:
            self.provider.remove(gone)
        if shared:
            self.provider.apply(shared)


class Step(ABC):
    """One thing done in a transition; its text is what reports call it."""

    words: ClassVar[str]
    """The text, with the step's own values to be put in."""

    @abstractmethod
    def perform(self, site: Site) -> None:
        """Does it, and returns when it has taken effect; raises HarnessError."""

    def __str__(self) -> str:
        return self.words.format(self)


@dataclass(frozen=True)
class Install(Step):
    """Installs meshes' control planes; on a cluster all at once, since they have no object in common."""

    meshes: Mapping[Mesh, Installation]

    def perform(self, site: Site) -> None:
        wanted = sorted(self.meshes.items())
        if len(wanted) < 2 or site.provider.basis is not Basis.OBSERVED:
            for item in wanted:  # in the thread that ^C interrupts
                site.provider.install(*item)
            return
        with ThreadPoolExecutor(len(wanted)) as pool:
            for done in [pool.submit(site.provider.install, *item) for item in wanted]:
                done.result()

    def __str__(self) -> str:
        return f"install {', '.join(sorted(self.meshes))}"


@dataclass(frozen=True)
class Deploy(Step):
    """Brings the scenario's apps."""

    words = "deploy the apps"

    def perform(self, site: Site) -> None:
        site.provider.deploy(site.apps)


@dataclass(frozen=True)
class Apply(Step):
    """Applies a configuration."""

    words = "apply {0.config}"
    config: str

    def perform(self, site: Site) -> None:
        site.apply(self.config)


@dataclass(frozen=True)
class Translate(Step):
    """Translates a configuration anew, of its sources as they stand now, and applies that.

    What it held before and no longer does is deleted. Istio's objects, and the ConfigMap of its MeshConfig,
    are read from the cluster; those that aren't there count for nothing. All else is taken from the
    files: the translation may have changed it in the cluster.
    """

    words = "translate {0.config}"
    config: str

    def perform(self, site: Site) -> None:
        from harness.analysis.translate import translate  # most scenarios translate nothing

        written = [resource for name in site.sources[self.config] for resource in site.configs[name]]
        live = [now for resource in written if (now := self._now(site.provider, resource))]
        made = translate([*site.definitions, *site.apps, *live])
        before = site.configs[self.config] if self.config in site.applied else ()
        site.configs[self.config], site.translations[self.config] = made.objects, made
        site.apply(self.config)
        kept = {resource.key for resource in made.objects}
        site.remove([resource for resource in before if resource.key not in kept])

    @staticmethod
    def _now(provider: Provider, written: Resource) -> Resource | None:
        if not written.group.endswith("istio.io") and written.key != _MESH_CONFIG:
            return written
        live = provider.find(ObjectName.of(written))
        return replace(live, where=written.where) if live else None


@dataclass(frozen=True)
class Change(Step):
    """Patches an object."""

    words = "{0.patch}"
    patch: Patch

    def perform(self, site: Site) -> None:
        site.provider.patch(self.patch)


@dataclass(frozen=True)
class Place(Step):
    """Puts a namespace, or one of its workloads, under meshes (none, one, or several asked for)."""

    where: str | Workload
    meshes: tuple[Mesh, ...]

    def perform(self, site: Site) -> None:
        if isinstance(self.where, str):
            site.provider.place(self.where, self.meshes)
        else:
            site.provider.place_workload(self.where, self.meshes)

    def __str__(self) -> str:
        return f"mesh {self.where}: {', '.join(self.meshes) or 'none'}"


@dataclass(frozen=True)
class Restart(Step):
    """Restarts a namespace's workloads, or one of them."""

    words = "restart {0.where}"
    where: str | Workload

    def perform(self, site: Site) -> None:
        if isinstance(self.where, str):
            site.provider.restart(self.where)
        else:
            site.provider.restart(self.where.namespace, self.where.name)


@dataclass(frozen=True)
class Remove(Step):
    """Removes a configuration."""

    words = "remove {0.config}"
    config: str

    def perform(self, site: Site) -> None:
        site.applied = [name for name in site.applied if name != self.config]
        site.remove(site.configs[self.config])


@dataclass(frozen=True)
class Uninstall(Step):
    """Takes a mesh's control plane away."""

    words = "uninstall {0.mesh}"
    mesh: Mesh

    def perform(self, site: Site) -> None:
        site.provider.uninstall(self.mesh)


@dataclass(frozen=True)
class Wait(Step):
    """Waits until something is true of an object."""

    words = "wait until {0.condition}"
    condition: Condition

    def perform(self, site: Site) -> None:
        site.provider.wait(self.condition)


class WrittenStep(Strict, Step):
    """A step that another package brings by an entry point: the model of what is written below its `kind`.

    It is performed on the model, too, which runs beside a cluster: `site.provider.basis` tells which it is.
    """

    kind: ClassVar[str]

    def __str__(self) -> str:
        return f"{self.kind} {self!r}"


STEPS = Extensible[type[WrittenStep]]("steps", {}, subclass_of(WrittenStep))
"""The steps that stand below `do`, by their kinds: all are other packages'."""


@dataclass(frozen=True)
class Run(Step):
    """Runs a command on the host, without a shell; on a cluster KUBECONFIG is the harness's own."""

    words = "run {0.text}"
    argv: tuple[str, ...]

    def perform(self, site: Site) -> None:
        if not site.allow_run:
            raise RefusedCommandError(
                f"the scenario wants to run `{self.text}` on this machine",
                why="commands of scenarios are refused unless they are allowed",
                todo="--harness-allow-run, if you trust the scenario",
            )
        site.provider.run(self.argv)

    @property
    def text(self) -> str:
        """The command as one would type it."""
        return shlex.join(self.argv)
